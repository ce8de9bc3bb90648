// ReadPace: whether the reader of a long answer takes it fast enough. It may lag by kLagMs in all, however
// fast it was before: one that has read a gigabyte must not stand still for an hour. Pure.

#pragma once

#include <algorithm>
#include <cstdint>

namespace shoal::node {

class ReadPace {
 public:
  static constexpr int64_t kLagMs = 30'000;

  // `bytes_per_s`: the least rate; 0: none.
  explicit ReadPace(uint64_t bytes_per_s) : bytes_per_s_(static_cast<int64_t>(bytes_per_s)) {}

  // The reader has taken this much, for which it was waited this long. False: it is too slow.
  bool took(uint64_t bytes, uint64_t waited_ms) {
    if (bytes_per_s_ == 0) return true;
    const int64_t due_ms = static_cast<int64_t>(bytes) * 1000 / bytes_per_s_;
    left_ms_ = std::min(kLagMs, left_ms_ + due_ms - static_cast<int64_t>(waited_ms));
    return left_ms_ >= 0;
  }

 private:
  int64_t bytes_per_s_;
  int64_t left_ms_ = kLagMs;
};

}  // namespace shoal::node
