// Mutex, Lock and Condition: the standard mutex, lock guard and condition variable, with the attributes that
// let clang check that guarded fields are used under their lock (common/thread_annotations.h). Any thread.

#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "common/thread_annotations.h"

namespace shoal::node {

class CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }

 private:
  friend class Condition;
  std::mutex mutex_;
};

// Holds a Mutex, or any other lock, until the end of the block.
template <class Lockable>
class SCOPED_CAPABILITY Lock {
 public:
  explicit Lock(Lockable& lock) ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
  ~Lock() RELEASE() { lock_.unlock(); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  Lockable& lock_;
};

// A wait releases the mutex while it blocks and holds it again when it returns. It may return without a
// notification: check the awaited condition again.
class Condition {
 public:
  void wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock held(mutex.mutex_, std::adopt_lock);
    condition_.wait(held);
    held.release();
  }
  void wait_for(Mutex& mutex, std::chrono::milliseconds time) REQUIRES(mutex) {
    std::unique_lock held(mutex.mutex_, std::adopt_lock);
    condition_.wait_for(held, time);
    held.release();
  }
  void notify_one() { condition_.notify_one(); }

 private:
  std::condition_variable condition_;
};

}  // namespace shoal::node
