#include "node/scan/top_swarms.h"

#include <algorithm>
#include <utility>

#include "node/os/monotonic.h"
#include "node/os/thread_priority.h"
#include "node/scan/swarm_scan.h"
#include "node/store/cluster_clock.h"

namespace shoal::node {

bool TopCollector::before(const Scored& a, const Scored& b) {
  return a.score != b.score ? a.score > b.score : a.swarm.info_hash < b.swarm.info_hash;
}

void TopCollector::add(const proto::ScrapedSwarm& swarm, uint64_t score) {
  if (score == 0 || (heap_.size() == amount_ && score <= heap_.front().score)) return;
  if (heap_.size() == amount_) {
    std::pop_heap(heap_.begin(), heap_.end(), before);
    heap_.pop_back();
  }
  heap_.push_back({score, swarm});
  std::push_heap(heap_.begin(), heap_.end(), before);
}

std::vector<proto::ScrapedSwarm> TopCollector::take() {
  std::sort_heap(heap_.begin(), heap_.end(), before);
  std::vector<proto::ScrapedSwarm> out;
  for (const Scored& scored : heap_) out.push_back(scored.swarm);
  heap_.clear();
  return out;
}

bool TopSwarms::fresh() const { return lists_->unix_ms && monotonic_ms() - read_ms_ < kTopAgeMs; }

std::shared_ptr<const TopLists> TopSwarms::served() {
  const auto denied = [this](const proto::ScrapedSwarm& swarm) { return !store_.serves(swarm.info_hash); };
  if (std::ranges::any_of(lists_->by_peers, denied) || std::ranges::any_of(lists_->by_seeders, denied) ||
      std::ranges::any_of(lists_->by_leechers, denied)) {
    TopLists left = *lists_;
    std::erase_if(left.by_peers, denied);
    std::erase_if(left.by_seeders, denied);
    std::erase_if(left.by_leechers, denied);
    lists_ = std::make_shared<const TopLists>(std::move(left));
  }
  return lists_;
}

std::shared_ptr<const TopLists> TopSwarms::lists(const std::stop_token& stop) {
  {
    const Lock lock(mutex_);
    if (fresh() || reading_) return served();
    reading_ = true;
  }
  auto found = read(stop);
  const Lock lock(mutex_);
  if (found) {
    lists_ = std::make_shared<const TopLists>(std::move(*found));
    read_ms_ = monotonic_ms();
  }
  reading_ = false;
  return served();
}

std::optional<TopLists> TopSwarms::read(const std::stop_token& stop) const {
  TopCollector by_peers(kTopMax);
  TopCollector by_seeders(kTopMax);
  TopCollector by_leechers(kTopMax);
  SwarmScan scan(store_, SwarmScan::Order::any);
  for (auto batch = scan.next(); !batch.empty(); batch = scan.next()) {
    if (stop.stop_requested()) return std::nullopt;
    for (const proto::ScrapedSwarm& swarm : batch) {
      by_peers.add(swarm, uint64_t{swarm.counts.seeders} + swarm.counts.leechers);
      by_seeders.add(swarm, swarm.counts.seeders);
      by_leechers.add(swarm, swarm.counts.leechers);
    }
  }
  return TopLists{ClusterClock::wall_ms(), by_peers.take(), by_seeders.take(), by_leechers.take()};
}

std::shared_ptr<const TopLists> TopSwarms::known(uv_loop_t* loop) {
  const Lock lock(mutex_);
  if (!fresh() && !reading_ && !job_.is_running() && !stopped_) {
    const auto read_anew = [this](const std::stop_token& stop) {
      lower_thread_priority();
      return lists(stop);
    };
    job_.start(loop, read_anew, [](const std::shared_ptr<const TopLists>& /*lists*/) {});
  }
  return served();
}

void TopSwarms::stop() {
  stopped_ = true;
  job_.cancel();
}

}  // namespace shoal::node
