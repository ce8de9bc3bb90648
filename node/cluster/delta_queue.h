// DeltaQueue: carries deltas from one worker to the control thread, and wakes that thread once per drain.

#pragma once

#include <atomic>
#include <functional>
#include <utility>

#include "node/cluster/spsc_ring.h"
#include "proto/delta.h"

namespace shoal::node {

class DeltaQueue {
 public:
  static constexpr size_t kCapacity = 1 << 16;

  // The queue calls `wake` on the worker's thread.
  explicit DeltaQueue(std::function<void()> wake) : ring_(kCapacity), wake_(std::move(wake)) {}

  // Worker only. If the queue is full, drops the delta and counts it.
  void push(const proto::OwnDelta& delta) {
    if (!ring_.push(delta)) return;
    if (!woken_.exchange(true, std::memory_order_acq_rel)) wake_();
  }

  // Control thread only.
  template <class Visit>
  size_t drain(Visit&& visit) {
    // An exchange, not a store: it synchronises with the producer's last exchange, so the drain below sees
    // everything pushed before that.
    woken_.exchange(false, std::memory_order_acq_rel);
    return ring_.drain(std::forward<Visit>(visit));
  }

  uint64_t dropped() const { return ring_.dropped(); }

 private:
  SpscRing<proto::OwnDelta> ring_;
  std::function<void()> wake_;
  std::atomic<bool> woken_{false};
};

}  // namespace shoal::node
