#include "node/xdp/joined_bounds.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

using shoal::node::joined_bounds;
using Bounds = std::vector<int>;

TEST_CASE("joined bounds: ranges apart, touching, inside each other, and without an end") {
  CHECK(joined_bounds<int>({}, {}).empty());
  CHECK(joined_bounds<int>({1, 3}, {}) == Bounds{1, 3});
  CHECK(joined_bounds<int>({}, {1, 3}) == Bounds{1, 3});
  CHECK(joined_bounds<int>({1, 3}, {5, 7}) == Bounds{1, 3, 5, 7});
  CHECK(joined_bounds<int>({1, 3}, {3, 7}) == Bounds{1, 7});
  CHECK(joined_bounds<int>({1, 9}, {3, 7}) == Bounds{1, 9});
  CHECK(joined_bounds<int>({1, 3}, {1, 3}) == Bounds{1, 3});
  CHECK(joined_bounds<int>({5}, {1, 3, 7, 9}) == Bounds{1, 3, 5});
  CHECK(joined_bounds<int>({5}, {3}) == Bounds{3});
}

TEST_CASE("joined bounds: a number is inside if it was inside either") {
  std::mt19937 random(7);
  const auto inside = [](const Bounds& bounds, int at) {
    return (std::upper_bound(bounds.begin(), bounds.end(), at) - bounds.begin()) % 2 == 1;
  };
  for (int round = 0; round < 1000; ++round) {
    Bounds sets[2];
    for (Bounds& set : sets) {
      for (int at = 0; at < 40; ++at) {
        if (random() % 4 == 0) set.push_back(at);
      }
    }
    const Bounds joined = joined_bounds(sets[0], sets[1]);
    CHECK(std::is_sorted(joined.begin(), joined.end()));
    for (int at = 0; at < 41; ++at) {
      REQUIRE(inside(joined, at) == (inside(sets[0], at) || inside(sets[1], at)));
    }
  }
}
