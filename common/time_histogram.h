// TimeHistogram: how often something took how long, in fixed ranges. One thread adds, any thread reads, as
// with Counter.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/counter.h"

namespace shoal::common {

class TimeHistogram {
 public:
  // Upper ends of the ranges; one more range has none.
  static constexpr std::array<uint32_t, 14> kBoundsUs = {
      5, 10, 25, 50, 100, 250, 500, 1'000, 2'500, 5'000, 10'000, 50'000, 250'000, 1'000'000};

  // `count` events that took this long each.
  void add(uint64_t us, uint64_t count = 1) {
    size_t range = 0;
    while (range < kBoundsUs.size() && us > kBoundsUs[range]) ++range;
    counts_[range].add(count);
    sum_us_.add(us * count);
  }

  // Only those of range i, i up to kBoundsUs.size().
  uint64_t count(size_t i) const { return counts_[i].value(); }
  uint64_t sum_us() const { return sum_us_.value(); }

 private:
  std::array<Counter, kBoundsUs.size() + 1> counts_;
  Counter sum_us_;
};

}  // namespace shoal::common
