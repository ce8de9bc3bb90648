#include "node/scan/top_cache.h"

#include <chrono>

#include "node/scan/swarm_scan.h"
#include "node/scan/top_swarms.h"

namespace shoal::node {

namespace {

int64_t monotonic_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

bool TopCache::fresh() const { return known_ && monotonic_ms() - looked_ms_ < kTopAgeMs; }

std::shared_ptr<const TopCache::Lists> TopCache::lists() {
  {
    const Lock lock(mutex_);
    while (!known_ && looking_) looked_.wait(mutex_);
    if (fresh() || looking_) return known_;
    looking_ = true;
  }
  auto found = std::make_shared<const Lists>(look());
  const Lock lock(mutex_);
  known_ = found;
  looked_ms_ = monotonic_ms();
  looking_ = false;
  looked_.notify_all();
  return found;
}

TopCache::Lists TopCache::look() const {
  TopSwarms by_peers(kTopMax);
  TopSwarms by_seeders(kTopMax);
  SwarmScan scan(store_, SwarmScan::Order::any);
  for (auto batch = scan.next(); !batch.empty(); batch = scan.next()) {
    for (const proto::ScrapedSwarm& swarm : batch) {
      by_peers.add(swarm, uint64_t{swarm.counts.seeders} + swarm.counts.leechers);
      by_seeders.add(swarm, swarm.counts.seeders);
    }
  }
  return {by_peers.take(), by_seeders.take()};
}

}  // namespace shoal::node
