// LastingError: the errno of an operation that is tried again and again and keeps failing; 0 once it works.
// One thread sets it, any thread reads.

#pragma once

#include <atomic>

namespace shoal::node {

class LastingError {
 public:
  void set(int error) {
    if (value() != error) error_.store(error, std::memory_order_relaxed);
  }
  int value() const { return error_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int> error_{0};
};

}  // namespace shoal::node
