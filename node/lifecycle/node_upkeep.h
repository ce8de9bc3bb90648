// NodeUpkeep: a running node's periodic work: the store's upkeep (node/store/upkeep.h) in time slices, and
// what the status tells of the last hour, every kHistoryStepMs. While the store holds little, groups of
// shards wait for the next whole second, when the thread wakes anyway. Control thread only.

#pragma once

#include <functional>

#include "node/net/timer.h"
#include "node/os/heap_pages.h"
#include "node/os/heap_trim.h"
#include "node/status/history.h"
#include "node/status/node_state.h"
#include "node/status/recent_faults.h"
#include "node/store/cluster_clock.h"
#include "node/store/swarm_store.h"
#include "node/store/upkeep.h"

namespace shoal::node {

class NodeUpkeep {
 public:
  struct Hooks {
    std::function<void()> before_slices;  // called each time groups of shards are due
    std::function<NodeState()> state;     // for the history
  };

  // Store and clock outlive the object. `heap` must be made before the heap grows.
  NodeUpkeep(uv_loop_t* loop, SwarmStore& store, const ClusterClock& clock, const HeapPages& heap,
             Hooks hooks);
  NodeUpkeep(const NodeUpkeep&) = delete;
  NodeUpkeep& operator=(const NodeUpkeep&) = delete;

  void start();

  // For good.
  void stop();

  const History& history() const { return history_; }
  const RecentFaults& faults() const { return faults_; }

 private:
  void group_due();
  void plan();
  void run_slice();
  void note_history();

  const SwarmStore& store_;
  const ClusterClock& clock_;
  const Hooks hooks_;
  Upkeep upkeep_;
  HeapTrim trim_;
  History history_;
  RecentFaults faults_;
  const int64_t period_ms_;       // between two groups
  int64_t counted_until_ms_ = 0;  // by monotonic_ms(): what became due later is not in upkeep_ yet
  Timer due_timer_;               // one more group of shards is due, or several
  Timer slice_timer_;             // the last slice has left work
  Timer history_timer_;
};

}  // namespace shoal::node
