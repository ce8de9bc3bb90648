// Picking some of a row of peers at random, a few neighbours at a time so that few cache lines are touched.

#pragma once

#include <algorithm>
#include <cstdint>

#include "common/prng.h"

namespace shoal::node {

// Calls pick(i) for `want` different i in [0, count); want <= count. The row is taken as a circle: runs of
// `run` neighbours with random gaps between them, begun at a uniformly random place. Turning the circle turns
// the outcome, so every i has exactly the same chance, whatever the gaps.
template <class Pick>
void sample_circle(uint32_t count, uint32_t want, uint32_t run, common::Prng& prng, Pick pick) {
  if (want == 0) return;
  if (want == count) {
    for (uint32_t i = 0; i < count; ++i) pick(i);
    return;
  }
  uint32_t spare = count - want;  // to be spread over as many gaps as there are runs
  uint32_t at = prng.below(count);
  for (uint32_t runs = (want + run - 1) / run; runs > 0; --runs) {
    const uint32_t length = std::min(run, want);
    for (uint32_t i = 0; i < length; ++i) {
      pick(at);
      if (++at == count) at = 0;
    }
    want -= length;
    const uint32_t gap = std::min(spare, prng.below(2 * (spare / runs) + 2));
    spare -= gap;
    at += gap;
    if (at >= count) at -= count;
  }
}

// How many of `want` picks fall to the first of two classes with `first` and `second` members; want <= first
// + second. Its mean is exactly the class's share, so all members of both have the same chance.
inline uint32_t share_of_first(uint32_t want, uint32_t first, uint32_t second, common::Prng& prng) {
  const uint64_t all = uint64_t{first} + second;
  if (all == 0) return 0;
  return static_cast<uint32_t>((uint64_t{want} * first + prng.below(static_cast<uint32_t>(all))) / all);
}

}  // namespace shoal::node
