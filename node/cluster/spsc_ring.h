// SpscRing: a bounded queue from one producer thread to one consumer thread, without locks. A full ring drops
// the item and counts it; it never grows and never waits. Its pages are there once its end has passed over
// them.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "common/check.h"
#include "common/counter.h"
#include "node/os/pages.h"

namespace shoal::node {

template <class T>
requires std::is_trivially_copyable_v<T>
class SpscRing {
 public:
  // `capacity` is a power of two.
  explicit SpscRing(size_t capacity) : mask_(capacity - 1), items_(capacity) {
    CHECK_INVARIANT(capacity > 0 && (capacity & mask_) == 0);
  }
  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

  // Producer only. False: the ring is full; counted in dropped().
  bool push(const T& item) {
    const size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_seen_ > mask_) {
      head_seen_ = head_.load(std::memory_order_acquire);
      if (tail - head_seen_ > mask_) {
        dropped_.add();
        return false;
      }
    }
    std::construct_at(&items_[tail & mask_], item);
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Consumer only. Passes each item present at the call to `visit`, oldest first. Returns their number.
  template <class Visit>
  size_t drain(Visit&& visit) {
    const size_t head = head_.load(std::memory_order_relaxed);
    const size_t tail = tail_.load(std::memory_order_acquire);
    for (size_t i = head; i != tail; ++i) visit(items_[i & mask_]);
    head_.store(tail, std::memory_order_release);
    return tail - head;
  }

  // Any thread.
  uint64_t dropped() const { return dropped_.value(); }

 private:
  const size_t mask_;
  const Pages<T> items_;  // constructed by push, never destroyed
  alignas(64) std::atomic<size_t> tail_{0};
  size_t head_seen_ = 0;  // the producer's last copy of head_
  common::Counter dropped_;
  alignas(64) std::atomic<size_t> head_{0};
};

}  // namespace shoal::node
