#include <doctest/doctest.h>

#include <set>

#include "sync/member_repair.h"

namespace shoal::sync {
namespace {

TEST_CASE("member repair: every unsteady tick has its turn, the newest first, then from the start") {
  constexpr common::Tick kNow = 100'000;
  MemberRepair repair;
  StampDigests own{};
  // Twenty ticks that differ in another way each time.
  for (uint64_t round = 1; round <= 2; ++round) {
    StampDigests theirs{};
    for (common::Tick tick = kNow - 30; tick < kNow - 10; ++tick) theirs[common::stamp_of(tick)] = round;
    repair.differences.compare(make_digests(theirs, kNow, 2700, false), own, kNow);
  }
  REQUIRE(repair.differences.unsteady().size() == 20);
  std::vector<common::Tick> newest;
  std::set<common::Tick> had;
  for (int turn = 0; turn < 3; ++turn) {
    repair.next_turn();
    CHECK(repair.turns_left == (turn < 2));
    if (turn == 0) newest = repair.unsteady_turn;
    had.insert(repair.unsteady_turn.begin(), repair.unsteady_turn.end());
  }
  CHECK(newest.front() == kNow - 18);
  CHECK(newest.back() == kNow - 11);
  CHECK(had.size() == 20);
  repair.next_turn();
  CHECK(repair.unsteady_turn == newest);
  // The next one agrees by now: none is left, so the newest has its turn again.
  repair.differences.forget();
  repair.next_turn();
  CHECK(repair.unsteady_turn.empty());
  CHECK(!repair.turns_left);
}

}  // namespace
}  // namespace shoal::sync
