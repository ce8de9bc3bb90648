// TopSwarms: the largest swarms, for the admin endpoint and opentracker's page: one reading of the store
// serves all who ask within kTopAgeMs. One object for the whole node. It outlives the loop, and
// the store outlives it.

#pragma once

#include <uv.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "node/net/job.h"
#include "node/os/mutex.h"
#include "node/store/swarm_store.h"
#include "proto/announce.h"

namespace shoal::node {

constexpr int64_t kTopAgeMs = 30'000;
constexpr size_t kTopMax = 100;

// At most kTopMax of each, the largest first.
struct TopLists {
  std::optional<int64_t> unix_ms;  // when the store was read; none: not yet
  std::vector<proto::ScrapedSwarm> by_peers;
  std::vector<proto::ScrapedSwarm> by_seeders;
  std::vector<proto::ScrapedSwarm> by_leechers;
};

// The swarms with the most of something, out of any number, in bounded memory. One thread.
class TopCollector {
 public:
  explicit TopCollector(size_t amount) : amount_(amount) {}

  // A swarm with a score of 0 is never among them; of equal ones it is any.
  void add(const proto::ScrapedSwarm& swarm, uint64_t score);

  // At most `amount`, falling by score, then rising by info_hash. Ends the collecting.
  std::vector<proto::ScrapedSwarm> take();

 private:
  struct Scored {
    uint64_t score;
    proto::ScrapedSwarm swarm;
  };
  static bool before(const Scored& a, const Scored& b);

  const size_t amount_;
  std::vector<Scored> heap_;  // the least on top
};

class TopSwarms {
 public:
  explicit TopSwarms(const SwarmStore& store) : store_(store) {}
  TopSwarms(const TopSwarms&) = delete;
  TopSwarms& operator=(const TopSwarms&) = delete;

  // No list ever shows a swarm that is no longer served.

  // The lists as they were at most kTopAgeMs ago. Reads the store if need be, which takes time: any thread
  // but those that serve. While one thread reads, the others get the older lists, at once; while it reads for
  // the first time, lists that say so by their time.
  std::shared_ptr<const TopLists> lists() { return lists({}); }

  // The lists as last read, at once. If they are old, a pool thread reads the store for later calls. The
  // loop's thread; always the same loop.
  std::shared_ptr<const TopLists> known(uv_loop_t* loop);

  // Breaks off the reading that known() has begun; it begins none any more. The loop's thread.
  void stop();

 private:
  std::shared_ptr<const TopLists> lists(const std::stop_token& stop);
  std::optional<TopLists> read(const std::stop_token& stop) const;  // none: broken off
  bool fresh() const REQUIRES(mutex_);
  std::shared_ptr<const TopLists> served() REQUIRES(mutex_);

  const SwarmStore& store_;
  Mutex mutex_;
  bool reading_ GUARDED_BY(mutex_) = false;  // one thread reads the store
  std::shared_ptr<const TopLists> lists_ GUARDED_BY(mutex_) = std::make_shared<const TopLists>();
  int64_t read_ms_ GUARDED_BY(mutex_) = 0;  // when that was, by monotonic_ms()
  bool stopped_ = false;                    // the loop's thread
  Job job_;                                 // the loop's thread
};

}  // namespace shoal::node
