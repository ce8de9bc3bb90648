// NodeState: what the admin endpoint shows, gathered from all parts of the running node. Plain values, taken
// on the control thread.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "node/swarm_store.h"
#include "node/worker_counters.h"
#include "sync/cluster.h"

namespace shoal::node {

struct Readiness {
  bool ready = false;
  std::string reason;  // why not; empty when ready
};

struct NodeState {
  std::string name;
  std::string cluster;
  int64_t started_unix_ms = 0;
  int64_t uptime_s = 0;
  Readiness readiness;
  StoreTotals store;
  std::vector<const WorkerCounters*> workers;
  uint64_t queue_dropped = 0;        // deltas the workers could not hand to the sync channel
  std::optional<sync::Status> sync;  // none: sync is off
  uint64_t sync_dropped_send = 0;
};

}  // namespace shoal::node
