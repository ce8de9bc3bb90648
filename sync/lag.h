// LagHistogram: how long deltas took from when their packet was first sent until it was merged here; waiting
// to be resent counts. Plain values.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace shoal::sync {

struct LagHistogram {
  // Upper ends of the ranges; one more range has none.
  static constexpr std::array<uint32_t, 13> kBoundsMs = {1,   2,   5,     10,    25,     50,    100,
                                                         250, 500, 1'000, 5'000, 15'000, 30'000};

  void add(int64_t lag_ms, uint64_t deltas) {
    size_t range = 0;
    while (range < kBoundsMs.size() && lag_ms > kBoundsMs[range]) ++range;
    counts[range] += deltas;
    sum_ms += static_cast<uint64_t>(lag_ms) * deltas;
  }

  std::array<uint64_t, kBoundsMs.size() + 1> counts{};
  uint64_t sum_ms = 0;
};

}  // namespace shoal::sync
