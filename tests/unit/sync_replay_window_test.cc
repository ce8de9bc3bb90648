#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "common/prng.h"
#include "sync/replay_window.h"

using namespace shoal;
using sync::ReplayWindow;

TEST_CASE("replay window: every sequence is accepted once, in any order") {
  common::Prng prng(1);
  std::vector<uint64_t> order;
  for (uint64_t s = 1; s <= 20'000; ++s) order.push_back(s);
  for (size_t i = 0; i < order.size(); ++i) {  // nearby ones change places
    const size_t j = std::min(order.size() - 1, i + prng.below(1000));
    std::swap(order[i], order[j]);
  }
  ReplayWindow window;
  window.announced(0);
  std::set<uint64_t> lost;
  for (const uint64_t s : order) {
    if (window.fresh(s)) {
      window.mark(s);
    } else {
      lost.insert(s);  // fell out of the window before it came
    }
    REQUIRE(!window.fresh(s));
  }
  CHECK(window.highest() == 20'000);
  CHECK(window.missing() == lost.size());
  for (const uint64_t s : order) REQUIRE(!window.fresh(s));
}

TEST_CASE("replay window: gaps are missing until they are filled") {
  ReplayWindow window;
  window.announced(100);
  CHECK(window.missing() == 0);
  window.mark(101);
  window.mark(104);
  CHECK(window.missing() == 2);
  CHECK(window.contiguous() == 101);
  window.mark(103);
  CHECK(window.missing() == 1);
  CHECK(window.contiguous() == 101);
  window.mark(102);
  CHECK(window.missing() == 0);
  CHECK(window.contiguous() == 104);
  window.announced(110);
  CHECK(window.missing() == 6);
  window.mark(50);  // from before our time: taken, neither missed nor counted
  CHECK(window.missing() == 6);
  CHECK(!window.fresh(50));
}

TEST_CASE("replay window: what is too old is refused, jumps forget nothing by mistake") {
  ReplayWindow window;
  window.mark(5);
  CHECK(window.contiguous() == 5);
  window.mark(5 + ReplayWindow::kWidth);
  CHECK(!window.fresh(5));
  CHECK(window.fresh(6));
  window.mark(6);
  CHECK(!window.fresh(6));
  CHECK(window.missing() == ReplayWindow::kWidth - 2);
  window.mark(10 * ReplayWindow::kWidth);
  CHECK(!window.fresh(6 + ReplayWindow::kWidth));
  CHECK(window.fresh(10 * ReplayWindow::kWidth - 1));
  CHECK(window.contiguous() == 9 * ReplayWindow::kWidth);
  window.mark(uint64_t{1} << 55);
  CHECK(window.highest() == uint64_t{1} << 55);
  CHECK(!window.fresh(10 * ReplayWindow::kWidth));
}
