// Picks some of a row of peers at random, a few neighbours at a time, so that it touches few cache lines and
// copies runs.

#pragma once

#include <algorithm>
#include <cstdint>

#include "common/prng.h"

namespace shoal::node {

// Calls visit(first, length) for the one or two runs that make up `length` neighbours from `at` on, on a
// circle of `count` >= length.
template <class Visit>
void visit_circular(uint32_t count, uint32_t at, uint32_t length, Visit visit) {
  const uint32_t to_end = std::min(length, count - at);
  visit(at, to_end);
  if (to_end < length) visit(0, length - to_end);
}

// Calls visit(first, length) for runs that hold `want` different i in [0, count) together; want <= count. The
// row is treated as a circle: runs of `run` neighbours with random gaps between them, starting at a uniformly
// random place. Rotating the circle rotates the outcome, so every i has exactly the same chance, whatever the
// gaps are.
template <class Visit>
void sample_circle(uint32_t count, uint32_t want, uint32_t run, common::Prng& prng, Visit visit) {
  if (want == 0) return;
  if (want == count) return visit(0, count);
  uint32_t spare = count - want;  // spread over as many gaps as there are runs
  const uint64_t gap_below = uint64_t{2} * (spare / ((want + run - 1) / run)) + 2;
  uint64_t random = prng.next();  // 32 bits for a place or a gap
  auto at = static_cast<uint32_t>((random >> 32) * count >> 32);
  for (bool fresh = false;; fresh = !fresh) {
    const uint32_t length = std::min(run, want);
    visit_circular(count, at, length, visit);
    want -= length;
    if (want == 0) return;
    if (fresh) random = prng.next();
    const auto gap = static_cast<uint32_t>((fresh ? random >> 32 : random & UINT32_MAX) * gap_below >> 32);
    const uint32_t bounded = std::min(spare, gap);
    spare -= bounded;
    at += length + bounded;
    if (at >= count) at -= count;
  }
}

// The same for a row of `size` in which the place `hole` is never picked; hole == size: there is none. The
// row is rotated so that the hole comes last, and is left out.
template <class Visit>
void sample_circle_around(uint32_t size, uint32_t hole, uint32_t want, uint32_t run, common::Prng& prng,
                          Visit visit) {
  if (hole == size) return sample_circle(size, want, run, prng, visit);
  sample_circle(size - 1, want, run, prng, [&](uint32_t at, uint32_t length) {
    at += hole + 1;
    visit_circular(size, at < size ? at : at - size, length, visit);
  });
}

// How many of `want` picks fall to the first of two classes with `first` and `second` members; want <= first
// + second. Its mean is exactly the class's share, so all members of both have the same chance.
inline uint32_t share_of_first(uint32_t want, uint32_t first, uint32_t second, common::Prng& prng) {
  const uint64_t all = uint64_t{first} + second;
  if (all == 0) return 0;
  return static_cast<uint32_t>((uint64_t{want} * first + prng.below(static_cast<uint32_t>(all))) / all);
}

}  // namespace shoal::node
