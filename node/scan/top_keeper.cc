#include "node/scan/top_keeper.h"

#include "node/os/monotonic.h"
#include "node/os/thread_priority.h"
#include "node/scan/swarm_scan.h"
#include "node/scan/top_swarms.h"
#include "node/store/cluster_clock.h"

namespace shoal::node {

namespace {

std::vector<proto::ScrapedSwarm> largest(const SwarmStore& store, const std::stop_token& stop) {
  lower_thread_priority();
  TopSwarms top(kTopMax);
  SwarmScan scan(store, SwarmScan::Order::any);
  for (auto swarms = scan.next(); !swarms.empty() && !stop.stop_requested(); swarms = scan.next()) {
    for (const proto::ScrapedSwarm& swarm : swarms) {
      top.add(swarm, uint64_t{swarm.counts.seeders} + swarm.counts.leechers);
    }
  }
  return top.take();
}

}  // namespace

const TopView& TopKeeper::view() {
  std::erase_if(known_.swarms,
                [this](const proto::ScrapedSwarm& swarm) { return !store_.serves(swarm.info_hash); });
  const bool fresh = looked_ms_ && monotonic_ms() - *looked_ms_ < kTopAgeMs;
  if (fresh || job_.is_running() || stopped_) return known_;
  looked_ms_ = monotonic_ms();
  job_.start(
      loop_, [&store = store_](const std::stop_token& stop) { return largest(store, stop); },
      [this](std::vector<proto::ScrapedSwarm> found) {
        known_ = {ClusterClock::wall_ms(), std::move(found)};
      });
  return known_;
}

void TopKeeper::stop() {
  stopped_ = true;
  job_.cancel();
}

}  // namespace shoal::node
