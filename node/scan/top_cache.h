// TopCache: the largest swarms for opentracker's page: the store is read for them at most once in kTopAgeMs,
// whoever asks and how often. Any thread but those that serve.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "node/os/mutex.h"
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

  // As they were at most kTopAgeMs ago, but never a swarm that is no longer served. While one thread reads
  // the store the others get what is known already; only where nothing is they wait.
  std::shared_ptr<const Lists> lists();

 private:
  Lists look() const;
  bool fresh() const REQUIRES(mutex_);
  std::shared_ptr<const Lists> served() REQUIRES(mutex_);

  const SwarmStore& store_;
  Mutex mutex_;
  Condition looked_;                                       // looking_ has become false
  bool looking_ GUARDED_BY(mutex_) = false;                // one thread reads the store
  std::shared_ptr<const Lists> known_ GUARDED_BY(mutex_);  // null: nothing yet
  int64_t looked_ms_ GUARDED_BY(mutex_) = 0;               // when that was
};

}  // namespace shoal::node
