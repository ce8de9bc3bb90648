// ShardLock: a lock for sections of some hundred nanoseconds that are hardly ever contended. It spins a
// little, then sleeps and tries again: so unlocking is a plain store and not another locked instruction. Hold
// it with a Lock (node/os/mutex.h).

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "common/thread_annotations.h"

namespace shoal::node {

class CAPABILITY("mutex") ShardLock {
 public:
  void lock() ACQUIRE() {
    if (held_.exchange(true, std::memory_order_acquire)) lock_contended();
  }

  // How often it was held by another thread when it was wanted; modulo 2^32.
  uint32_t stalls() const REQUIRES(this) { return stalls_; }

  void unlock() RELEASE() { held_.store(false, std::memory_order_release); }

  // For the compiler only: the caller holds the lock.
  void assert_held() const ASSERT_CAPABILITY(this) {}

  // For a thread that takes the lock many times in a row, between two times: lets waiting threads have it
  // first.
  void give_way() const {
    for (int i = 0; i < kNapsGiven && waiting_.load(std::memory_order_relaxed) != 0; ++i) {
      std::this_thread::sleep_for(kNap);
    }
  }

 private:
  static constexpr int kSpins = 200;
  static constexpr std::chrono::microseconds kNap{20};
  static constexpr int kNapsGiven = 10;

  void lock_contended() NO_THREAD_SAFETY_ANALYSIS {
    waiting_.fetch_add(1, std::memory_order_relaxed);
    for (int spins = 0;; ++spins) {
      if (!held_.load(std::memory_order_relaxed) && !held_.exchange(true, std::memory_order_acquire)) break;
      if (spins < kSpins) {
        pause();
      } else {
        std::this_thread::sleep_for(kNap);
      }
    }
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    ++stalls_;
  }

  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  std::atomic<bool> held_{false};
  std::atomic<uint16_t> waiting_{0};
  uint32_t stalls_ GUARDED_BY(this) = 0;
};

}  // namespace shoal::node
