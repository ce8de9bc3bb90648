// MemberRepair: what is known of how one member's records and ours differ, and what has been done about it.

#pragma once

#include <algorithm>
#include <bitset>
#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include "common/tick.h"
#include "sync/differences.h"

namespace shoal::sync {

struct MemberRepair {
  static constexpr int64_t kNeverUs = std::numeric_limits<int64_t>::min() / 2;

  // After so many comparisons in vain it is only what is underway that differs: no need to hurry.
  static constexpr uint32_t kVainMax = 4;

  // And after so many the two agree, for what can be known.
  static constexpr uint32_t kVainAgreed = 2;

  // And after so many a member that lacks what we have seems to have no way to it, or no room.
  static constexpr uint32_t kItLacksMax = 20;

  // Our records have changed much.
  void forget() {
    differences.forget();
    vain = 0;
    it_lacks = 0;
  }

  // Where it is the other one that lacks something, it finds that out by what it is told.
  bool worth_a_hurry() const { return differences.count() > 0 && vain < kVainMax && it_lacks < kItLacksMax; }

  // The next unsteady ticks whose cells to ask for: from the newest to the oldest, a few at a time, then from
  // the newest again.
  void take_turns() {
    std::vector<common::Tick> unsteady = differences.unsteady();
    auto end = unsteady.end();
    if (turns_left) end = std::lower_bound(unsteady.begin(), unsteady.end(), unsteady_turn.front());
    if (end == unsteady.begin()) end = unsteady.end();
    const auto count = std::min<ptrdiff_t>(end - unsteady.begin(), proto::kCellTicksMax);
    unsteady_turn.assign(end - count, end);
    turns_left = end - count != unsteady.begin();
  }

  // The cells of one tick that have been asked for.
  struct TickCells {
    bool steady = false;  // the tick was
    uint64_t digest = 0;  // ... and over all buckets differed by this
    std::bitset<proto::kDigestBuckets> heard;
    std::map<uint32_t, uint64_t> digests;   // theirs XOR ours, where they differ
    std::map<uint32_t, uint64_t> previous;  // of the last time they were asked for
  };

  bool synced = false;          // it says so
  bool has_everything = false;  // or will have, once what differs has been pulled: it tells digests
  Differences differences;
  int64_t compared_us = kNeverUs;
  uint64_t comparisons = 0;
  uint32_t vain = 0;             // comparisons in a row that showed differences, none of them steady
  common::Tick agreed_tick = 0;  // when they last agreed
  int64_t agreed_us = kNeverUs;  // the same

  std::map<common::Tick, TickCells> cells;
  int64_t cells_due_us = 0;  // when to act upon them; 0: not asked for
  int64_t next_unsteady_us = kNeverUs;
  bool recent_only = false;                 // as steady ticks were last picked: the old ones had to wait
  std::vector<common::Tick> unsteady_turn;  // the unsteady ticks whose cells are asked for
  bool turns_left = false;                  // older ones have not had their turn
  bool unsteady_once = false;               // the unsteady cells have been asked for once, and will be again

  // Comparisons in a row in which all that differed steadily had been pulled for and brought nothing.
  uint32_t it_lacks = 0;

  int64_t next_pull_us = kNeverUs;
  uint32_t fruitless = 0;  // pulls in a row that brought nothing new

  int64_t told_us = kNeverUs;        // it was told our digests because it asked
  int64_t told_cells_us = kNeverUs;  // and our cells
  uint64_t last_request = 0;         // sequence of its last request for a pull
};

}  // namespace shoal::sync
