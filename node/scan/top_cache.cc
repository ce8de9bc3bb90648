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

std::shared_ptr<const TopCache::Lists> TopCache::lists() {
  const auto fresh = [this]() -> std::shared_ptr<const Lists> {
    return known_ && monotonic_ms() - looked_ms_ < kTopAgeMs ? known_ : nullptr;
  };
  std::unique_lock look_lock(looking_, std::defer_lock);
  {
    const std::lock_guard lock(mutex_);
    if (auto lists = fresh()) return lists;
    if (known_ && !look_lock.try_lock()) return known_;
  }
  if (!look_lock.owns_lock()) {
    look_lock.lock();
    const std::lock_guard lock(mutex_);
    if (auto lists = fresh()) return lists;
  }
  auto found = std::make_shared<const Lists>(look());
  const std::lock_guard lock(mutex_);
  known_ = found;
  looked_ms_ = monotonic_ms();
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
