// Restatements: last words of clients that the other nodes do not have, or would not believe, when they were
// written: they are said again when Swarms::restate() is called.
//
// A table of fixed size. It takes a client that changes 128 times a minute to get in here, or one whose last
// announce went to a node with a clock far ahead, or one that stops at a second node within the time that a
// delta travels. When it is full, others of these wait for their next announce. Any thread; it is used under
// a shard's lock.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
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
    if (noted_.insert_or_assign(key, restatement).second)
      place_of(key).fetch_add(1, std::memory_order_relaxed);
    size_.store(noted_.size(), std::memory_order_relaxed);
  }

  // Every announce that writes a record comes here. Nearly all find nothing at their place, and take no lock:
  // what was noted for this peer was noted under the same shard's lock.
  void forget(const Key& key) {
    if (place_of(key).load(std::memory_order_relaxed) == 0) return;
    const Lock lock(mutex_);
    if (noted_.erase(key) == 1) place_of(key).fetch_sub(1, std::memory_order_relaxed);
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
  // How many of the noted fall on a place: at most a quarter of the places are taken, whoever chooses them.
  static constexpr size_t kPlaceBits = 12;
  std::atomic<uint16_t>& place_of(const Key& key) {
    const auto word = [](const uint8_t* from) {
      uint64_t bytes = 0;
      std::memcpy(&bytes, from, sizeof bytes);
      return bytes;
    };
    const common::Endpoint& peer = key.second;
    const uint64_t mixed = word(key.first.bytes.data()) ^ word(peer.address.data()) ^
                           word(peer.address.data() + 8) ^ uint64_t { peer.port } << 32;
    return places_[mixed * 0x9e3779b97f4a7c15 >> (64 - kPlaceBits)];
  }

  mutable Mutex mutex_;
  std::map<Key, Restatement> noted_ GUARDED_BY(mutex_);
  std::array<std::atomic<uint16_t>, size_t{1} << kPlaceBits> places_{};
  std::atomic<size_t> size_ = 0;
  std::atomic<uint64_t> dropped_ = 0;
};

}  // namespace shoal::node
