// Where the union of two sets begins and ends, in turn, of the bounds of each: ascending, and inside after an
// odd number of them.

#pragma once

#include <cstddef>
#include <vector>

namespace shoal::node {

template <typename Bound>
std::vector<Bound> joined_bounds(std::vector<Bound> a, const std::vector<Bound>& b) {
  if (b.empty()) return a;
  std::vector<Bound> joined;
  joined.reserve(a.size() + b.size());
  size_t in_a = 0;
  size_t in_b = 0;
  while (in_a < a.size() || in_b < b.size()) {
    const Bound next = in_b == b.size() || (in_a < a.size() && a[in_a] < b[in_b]) ? a[in_a] : b[in_b];
    if (in_a < a.size() && a[in_a] == next) ++in_a;
    if (in_b < b.size() && b[in_b] == next) ++in_b;
    const bool inside = in_a % 2 == 1 || in_b % 2 == 1;
    if (inside != (joined.size() % 2 == 1)) joined.push_back(next);
  }
  return joined;
}

}  // namespace shoal::node
