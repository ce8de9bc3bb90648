// MemberRepair: how the records of one member differ from ours, as far as we know, and what is being done
// about it.

#pragma once

#include <algorithm>
#include <bitset>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "common/tick.h"
#include "proto/record_digest.h"
#include "proto/sync_packet.h"
#include "sync/differences.h"

namespace shoal::sync {

// A digest of some of the buckets, 8 bytes each, since a member may make it one of all.
class BucketDigestMap {
 public:
  struct Entry {
    uint64_t packed;
    uint32_t bucket() const { return static_cast<uint32_t>(packed >> 48); }
    uint64_t digest() const { return packed & proto::kDigestMask; }
  };
  static_assert(proto::kDigestMask < uint64_t{1} << 48 && proto::kDigestBuckets <= 65'536);

  void set(uint32_t bucket, uint64_t digest) {
    const auto at = lower_bound(bucket);
    const Entry entry{uint64_t{bucket} << 48 | digest};
    const bool known = at != entries_.end() && at->bucket() == bucket;
    if (known) {
      entries_[static_cast<size_t>(at - entries_.begin())] = entry;
    } else {
      entries_.insert(at, entry);
    }
  }

  // 0: not in the map.
  uint64_t find(uint32_t bucket) const {
    const auto at = lower_bound(bucket);
    return at != entries_.end() && at->bucket() == bucket ? at->digest() : 0;
  }

  size_t size() const { return entries_.size(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }

 private:
  std::vector<Entry>::const_iterator lower_bound(uint32_t bucket) const {
    return std::lower_bound(entries_.begin(), entries_.end(), bucket,
                            [](const Entry& entry, uint32_t wanted) { return entry.bucket() < wanted; });
  }

  std::vector<Entry> entries_;  // by bucket
};

struct MemberRepair {
  static constexpr int64_t kNeverUs = std::numeric_limits<int64_t>::min() / 2;

  // After so many vain comparisons only what is in flight differs: no need to hurry.
  static constexpr uint32_t kVainMax = 4;

  // After so many the two agree, as far as can be known.
  static constexpr uint32_t kVainAgreed = 2;

  // After so many sketches that failed in a row, or twice as many that were turned away, another way is
  // taken, until the two agree.
  static constexpr uint32_t kSketchesFailedMax = 3;

  // After so many a member that lacks what we have seems unable to get it, or has no room for it.
  static constexpr uint32_t kItLacksMax = 20;

  // Our records have changed much.
  void forget() {
    differences.forget();
    vain = 0;
    it_lacks = 0;
  }

  // They agree.
  void agree() {
    turns_left_to_it.reset();
    next_sketch_us = kNeverUs;
    per_tick = 0;
    half_failures = 0;
  }

  // If it is the member that lacks something, it finds out by our digests.
  bool worth_a_hurry() const { return differences.count() > 0 && vain < kVainMax && it_lacks < kItLacksMax; }

  // Selects the next unsteady ticks whose cells to ask for: a few at a time, from the newest to the oldest,
  // then from the newest again.
  void next_turn() {
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
    uint64_t digest = 0;  // by which the tick differed, over all buckets
    std::bitset<proto::kDigestBuckets> heard;
    BucketDigestMap digests;   // theirs XOR ours, where they differ
    BucketDigestMap previous;  // of the last time they were asked for
  };

  bool has_everything = false;  // or will once it has pulled what differs: it sends digests
  bool partial = false;         // it says that it gives up records for lack of memory
  Differences differences;
  int64_t compared_us = kNeverUs;
  uint64_t comparisons = 0;
  uint32_t vain = 0;             // comparisons in a row that showed differences, but no steady ones
  common::Tick agreed_tick = 0;  // when they last agreed
  int64_t agreed_us = kNeverUs;  // the same

  std::map<common::Tick, TickCells> cells;
  int64_t cells_due_us = 0;  // when to act on them; 0: not asked for
  int64_t next_unsteady_us = kNeverUs;
  bool recent_only = false;                 // the last time steady ticks were selected, old ones had to wait
  std::vector<common::Tick> unsteady_turn;  // the unsteady ticks whose cells are asked for
  bool turns_left = false;                  // older ones have not had their turn
  bool unsteady_once = false;               // their cells have been asked for once, and will be again

  // Comparisons in a row in which everything that differed steadily had been pulled for in vain.
  uint32_t it_lacks = 0;

  // Comparisons that are still left to it; none: nothing has differed from it alone.
  std::optional<uint32_t> turns_left_to_it;

  bool sketches_fail() const { return half_failures >= 2 * kSketchesFailedMax; }

  // Of sketches. Never: nothing has differed since they last agreed.
  int64_t next_sketch_us = kNeverUs;
  double per_tick = 0;  // how many records differ in a tick, by its last answer; 0: unknown
  uint32_t half_failures =
      0;  // in a row: two if a sketch was too small or the pull failed, one if it was turned away

  int64_t answered_us = kNeverUs;        // its request for our digests
  int64_t answered_cells_us = kNeverUs;  // its request for our cells
};

}  // namespace shoal::sync
