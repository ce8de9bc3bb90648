#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "common/prng.h"
#include "sync/replay_window.h"

using namespace shoal;
using sync::ReplayWindow;

TEST_CASE("replay window: every sequence is accepted once, in any order") {
  common::Prng prng(1);
  std::vector<uint64_t> order;
  for (uint64_t s = 1; s <= 20'000; ++s) order.push_back(s);
  for (size_t i = 0; i < order.size(); ++i) {  // neighbours change places
    const size_t j = std::min(order.size() - 1, i + prng.below(1000));
    std::swap(order[i], order[j]);
  }
  ReplayWindow window(4096);
  size_t late = 0;
  for (const uint64_t s : order) {
    if (window.fresh(s)) {
      window.mark(s);
    } else {
      REQUIRE(s <= window.left_behind());
      ++late;
    }
    REQUIRE(!window.fresh(s));
  }
  CHECK(late < 1000);
  CHECK(window.highest() == 20'000);
  for (const uint64_t s : order) REQUIRE(!window.fresh(s));
}

TEST_CASE("replay window: too old is refused, and a jump forgets nothing too early") {
  constexpr uint64_t kWidth = 4096;
  ReplayWindow window(kWidth);
  window.mark(5);
  window.mark(5 + kWidth);
  CHECK(!window.fresh(5));
  CHECK(window.fresh(6));
  CHECK(window.left_behind() == 5);
  window.mark(6);
  CHECK(!window.fresh(6));
  window.mark(10 * kWidth);
  CHECK(!window.fresh(6 + kWidth));
  CHECK(window.fresh(10 * kWidth - 1));
  window.mark(uint64_t{1} << 55);
  CHECK(window.highest() == uint64_t{1} << 55);
  CHECK(!window.fresh(10 * kWidth));
}

TEST_CASE("replay window: nothing up to where it begins is accepted") {
  constexpr uint64_t kWidth = 4096;
  ReplayWindow window(kWidth);
  window.begin(3 * kWidth);
  CHECK(window.highest() == 3 * kWidth);
  for (uint64_t s = 1; s <= 3 * kWidth; ++s) REQUIRE(!window.fresh(s));
  CHECK(window.fresh(3 * kWidth + 1));
  window.mark(3 * kWidth + 10);
  for (uint64_t s = 1; s <= 3 * kWidth; ++s) REQUIRE(!window.fresh(s));
  CHECK(window.fresh(3 * kWidth + 9));
}

TEST_CASE("replay window: jumps of any length leave what a simple one would") {
  constexpr uint64_t kWidth = 512;
  common::Prng prng(7);
  for (int round = 0; round < 50; ++round) {
    ReplayWindow window(kWidth);
    std::vector<uint64_t> marked;
    uint64_t at = 1 + prng.below(200);
    for (int i = 0; i < 40; ++i) {
      at += prng.below(prng.below(2) == 0 ? 5 : 700);
      const uint64_t sequence = prng.below(3) == 0 ? at - std::min<uint64_t>(at - 1, prng.below(300)) : at;
      if (!window.fresh(sequence)) continue;
      window.mark(sequence);
      marked.push_back(sequence);
    }
    for (uint64_t s = 1; s <= window.highest(); ++s) {
      const bool seen = std::find(marked.begin(), marked.end(), s) != marked.end();
      REQUIRE(window.fresh(s) == (s > window.left_behind() && !seen));
    }
  }
}
