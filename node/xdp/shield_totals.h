// ShieldTotals: what the shield did, told to the rest of the node as if one more worker's sockets had done
// it. Pure. Control thread only; what it adds to may be read by any thread.

#pragma once

#include "node/tracker/worker_counters.h"
#include "node/xdp/shield.h"

namespace shoal::node {

class ShieldTotals {
 public:
  // `counters`: nobody else writes them.
  explicit ShieldTotals(WorkerCounters& counters) : counters_(counters) {}

  // `now`: since start. Adds what is new. Datagrams with a wrong checksum count nowhere here: the kernel
  // drops them before any socket, too.
  void add(const ShieldDecisions& now);

  const ShieldDecisions& decisions() const { return last_; }

 private:
  WorkerCounters& counters_;
  ShieldDecisions last_{};
};

}  // namespace shoal::node
