// Counter: a number that one thread increases and any thread reads (metrics). Writing needs no lock prefix,
// so it costs the hot path one add. For counters with several writers use std::atomic's fetch_add.

#pragma once

#include <atomic>
#include <cstdint>

namespace shoal::common {

class Counter {
 public:
  void add(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace shoal::common
