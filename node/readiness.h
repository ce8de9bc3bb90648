// Readiness: whether clients should be sent to this node, and if not, why. Pure.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "node/drain.h"
#include "sync/cluster.h"

namespace shoal::node {

struct Readiness {
  bool ready = false;
  std::string reason;  // why not; empty when ready
};

struct ReadinessFacts {
  Phase phase = Phase::serving;
  std::optional<unsigned> snapshot_percent;  // none: no snapshot is being loaded
  const sync::Status* sync = nullptr;        // null: sync is off
  bool expects_others = false;               // sync.peers or sync.multicast is set
  bool access_matters = false;               // not every swarm is served
  int64_t uptime_ms = 0;
};

Readiness readiness_of(const ReadinessFacts& facts);

}  // namespace shoal::node
