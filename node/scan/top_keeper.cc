#include "node/scan/top_keeper.h"

#include "common/check.h"
#include "node/os/thread_priority.h"
#include "node/scan/swarm_scan.h"
#include "node/scan/top_swarms.h"
#include "node/store/cluster_clock.h"

namespace shoal::node {

const TopView& TopKeeper::view() {
  std::erase_if(known_.swarms,
                [this](const proto::ScrapedSwarm& swarm) { return !store_.serves(swarm.info_hash); });
  const bool fresh = looked_ms_ && uv_now(loop_) - *looked_ms_ < static_cast<uint64_t>(kTopAgeMs);
  if (fresh || looking_ || stopped_) return known_;
  looking_ = true;
  looked_ms_ = uv_now(loop_);
  work_.data = this;
  const auto done = [](uv_work_t* work, int /*status*/) {
    TopKeeper& keeper = *static_cast<TopKeeper*>(work->data);
    keeper.looking_ = false;
    if (keeper.stopped_) return;
    keeper.known_ = {ClusterClock::wall_ms(), std::move(keeper.found_)};
  };
  const auto run = [](uv_work_t* work) { static_cast<TopKeeper*>(work->data)->look(); };
  CHECK_INVARIANT(uv_queue_work(loop_, &work_, run, done) == 0);
  return known_;
}

void TopKeeper::look() {
  lower_thread_priority();
  TopSwarms top(kTopMax);
  SwarmScan scan(store_, SwarmScan::Order::any);
  for (auto swarms = scan.next(); !swarms.empty() && !stopped_; swarms = scan.next()) {
    for (const proto::ScrapedSwarm& swarm : swarms) {
      top.add(swarm, uint64_t{swarm.counts.seeders} + swarm.counts.leechers);
    }
  }
  found_ = top.take();
}

void TopKeeper::stop() { stopped_ = true; }

}  // namespace shoal::node
