// TopCache: the largest swarms for opentracker's page: the store is read for them at most once in kTopAgeMs,
// whoever asks and how often. Any thread but those that serve.

#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "node/scan/top_keeper.h"
#include "node/store/swarm_store.h"
#include "proto/announce.h"

namespace shoal::node {

class TopCache {
 public:
  // At most kTopMax of each, the first ones first.
  struct Lists {
    std::vector<proto::ScrapedSwarm> by_peers;
    std::vector<proto::ScrapedSwarm> by_seeders;
  };

  // The store outlives the object.
  explicit TopCache(const SwarmStore& store) : store_(store) {}

  // As they were at most kTopAgeMs ago. While one thread reads the store the others get what is known
  // already; only where nothing is they wait.
  std::shared_ptr<const Lists> lists();

 private:
  Lists look() const;

  const SwarmStore& store_;
  std::mutex looking_;  // of the one that reads the store
  std::mutex mutex_;
  std::shared_ptr<const Lists> known_;  // under mutex_; null: nothing yet
  int64_t looked_ms_ = 0;               // under mutex_; when that was
};

}  // namespace shoal::node
