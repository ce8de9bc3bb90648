// Restatements: last words of clients that the other nodes do not have, or would not believe, when they were
// written: they are said again when Swarms::restate() is called.
//
// A table of fixed size. It takes a client that changes 128 times a minute to get in here, or one whose last
// announce went to a node with a clock far ahead, or one that stops at a second node within the time that a
// delta travels. When it is full, others of these wait for their next announce. Any thread; it is used under
// a shard's lock.

#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "common/endpoint.h"
#include "common/info_hash.h"
#include "common/tick.h"
#include "node/os/mutex.h"
#include "proto/delta.h"

namespace shoal::node {

struct Restatement {
  common::Moment moment;  // of the record when it was noted: void when the record has a later one
  proto::PeerRole role;
  bool later;  // it must be written again at a later moment; else the record as it is must be sent
};

class Restatements {
 public:
  static constexpr size_t kMax = 1024;

  using Key = std::pair<common::InfoHash, common::Endpoint>;

  // In place of what was noted for this peer before.
  void note(const Key& key, const Restatement& restatement) {
    const Lock lock(mutex_);
    if (noted_.size() >= kMax && !noted_.contains(key)) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    noted_.insert_or_assign(key, restatement);
    size_.store(noted_.size(), std::memory_order_relaxed);
  }

  void forget(const Key& key) {
    const Lock lock(mutex_);
    noted_.erase(key);
    size_.store(noted_.size(), std::memory_order_relaxed);
  }

  std::optional<Restatement> find(const Key& key) const {
    const Lock lock(mutex_);
    const auto found = noted_.find(key);
    if (found == noted_.end()) return std::nullopt;
    return found->second;
  }

  std::vector<Key> keys() const {
    std::vector<Key> keys;
    if (empty()) return keys;
    const Lock lock(mutex_);
    for (const auto& [key, restatement] : noted_) keys.push_back(key);
    return keys;
  }

  bool empty() const { return size_.load(std::memory_order_relaxed) == 0; }
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  mutable Mutex mutex_;
  std::map<Key, Restatement> noted_ GUARDED_BY(mutex_);
  std::atomic<size_t> size_ = 0;
  std::atomic<uint64_t> dropped_ = 0;
};

}  // namespace shoal::node
