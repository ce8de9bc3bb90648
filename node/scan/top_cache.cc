#include "node/scan/top_cache.h"

#include <algorithm>
#include <utility>

#include "node/os/monotonic.h"
#include "node/scan/swarm_scan.h"
#include "node/scan/top_swarms.h"

namespace shoal::node {

bool TopCache::fresh() const { return known_ && monotonic_ms() - looked_ms_ < kTopAgeMs; }

std::shared_ptr<const TopCache::Lists> TopCache::served() {
  const auto denied = [this](const proto::ScrapedSwarm& swarm) { return !store_.serves(swarm.info_hash); };
  if (std::ranges::any_of(known_->by_peers, denied) || std::ranges::any_of(known_->by_seeders, denied)) {
    Lists left = *known_;
    std::erase_if(left.by_peers, denied);
    std::erase_if(left.by_seeders, denied);
    known_ = std::make_shared<const Lists>(std::move(left));
  }
  return known_;
}

std::shared_ptr<const TopCache::Lists> TopCache::lists() {
  {
    const Lock lock(mutex_);
    while (!known_ && looking_) looked_.wait(mutex_);
    if (fresh() || looking_) return served();
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
