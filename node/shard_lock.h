// ShardLock: a lock of eight bytes for sections of some hundred nanoseconds. Spins a little, then sleeps.
// Meets the standard's Lockable requirements as far as std::lock_guard needs them.

#pragma once

#include <atomic>
#include <cstdint>

namespace shoal::node {

class ShardLock {
 public:
  void lock() {
    uint32_t free = kFree;
    if (state_.compare_exchange_strong(free, kHeld, std::memory_order_acquire, std::memory_order_relaxed))
      return;
    lock_contended();
  }

  // Times it was held by another when it was wanted; modulo 2^32. With the lock.
  uint32_t stalls() const { return stalls_; }

  void unlock() {
    if (state_.exchange(kFree, std::memory_order_release) == kAwaited) state_.notify_one();
  }

 private:
  static constexpr uint32_t kFree = 0;
  static constexpr uint32_t kHeld = 1;
  static constexpr uint32_t kAwaited = 2;  // held, and someone may sleep until it is free
  static constexpr int kSpins = 200;

  void lock_contended() {
    for (int i = 0; i < kSpins; ++i) {
      uint32_t free = kFree;
      if (state_.load(std::memory_order_relaxed) == kFree &&
          state_.compare_exchange_weak(free, kHeld, std::memory_order_acquire, std::memory_order_relaxed)) {
        ++stalls_;
        return;
      }
      pause();
    }
    while (state_.exchange(kAwaited, std::memory_order_acquire) != kFree) {
      state_.wait(kAwaited, std::memory_order_relaxed);
    }
    ++stalls_;
  }

  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  std::atomic<uint32_t> state_{kFree};
  uint32_t stalls_ = 0;  // written with the lock
};

}  // namespace shoal::node
