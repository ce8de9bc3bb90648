// Readiness: whether clients should be sent to this node, and why not. Pure.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "node/config/options.h"
#include "sync/cluster.h"

namespace shoal::node {

enum class Phase : uint8_t { serving, draining, stopping };

struct Readiness {
  bool ready = false;
  std::string reason;             // why not; empty when ready
  bool waits_for_others = false;  // not ready, and only other machines or the operator can change that
};

struct ReadinessFacts {
  Phase phase = Phase::serving;
  std::optional<unsigned> snapshot_percent;  // none: no snapshot is being loaded
  const sync::Status* sync = nullptr;        // null: sync is off
  ReadyAlone ready_alone = ReadyAlone::held;
  bool access_matters = false;  // not every swarm is served
  bool access_in_force = true;  // what was got of the access list while starting has come into force
  int64_t uptime_ms = 0;
  std::string serving_fault;  // see ServingFaults::reason()
};

Readiness readiness_of(const ReadinessFacts& facts);

}  // namespace shoal::node
