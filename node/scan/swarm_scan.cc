#include "node/scan/swarm_scan.h"

#include <algorithm>
#include <array>

namespace shoal::node {

using proto::ScrapedSwarm;

namespace {

bool less(const ScrapedSwarm& a, const ScrapedSwarm& b) { return a.info_hash < b.info_hash; }

bool same(const ScrapedSwarm& a, const ScrapedSwarm& b) { return a.info_hash == b.info_hash; }

}  // namespace

SwarmScan::SwarmScan(const SwarmStore& store, Order order) : store_(store), order_(order) {
  batch_.reserve(kRoom);
}

// A pass finds the lowest hashes above the last one returned. With Order::any it reads one shard, so one pass
// nearly always finds all of them.
std::span<const ScrapedSwarm> SwarmScan::next() {
  while (shard_ < SwarmStore::kShards) {
    batch_.clear();
    most_.reset();
    if (order_ == Order::any) {
      collect(shard_);
    } else {
      for (size_t shard = 0; shard < SwarmStore::kShards; ++shard) collect(shard);
    }
    keep_lowest();
    if (!batch_.empty()) {
      last_ = batch_.back().info_hash;
      return batch_;
    }
    last_.reset();
    shard_ = order_ == Order::any ? shard_ + 1 : SwarmStore::kShards;
  }
  return {};
}

void SwarmScan::collect(size_t shard) {
  std::array<ScrapedSwarm, kStep> step;
  uint32_t below = SwarmStore::kAllSwarms;
  while (const size_t count = store_.copy_counts(shard, below, step)) take(std::span(step).first(count));
}

void SwarmScan::take(std::span<const ScrapedSwarm> swarms) {
  for (const ScrapedSwarm& swarm : swarms) {
    if ((last_ && swarm.info_hash <= *last_) || (most_ && swarm.info_hash >= *most_)) continue;
    batch_.push_back(swarm);
    if (batch_.size() == kRoom) keep_lowest();
  }
}

void SwarmScan::keep_lowest() {
  std::sort(batch_.begin(), batch_.end(), less);
  batch_.erase(std::unique(batch_.begin(), batch_.end(), same), batch_.end());
  if (batch_.size() <= kBatchMax) return;
  most_ = batch_[kBatchMax].info_hash;
  batch_.resize(kBatchMax);
}

}  // namespace shoal::node
