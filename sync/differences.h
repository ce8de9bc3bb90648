// Differences: where one member's records and ours differ, as far as digests show it. Pure.
//
// Deltas that are in flight during a comparison make ticks differ too, in a different way each time. So a
// tick counts only once it has differed twice in a row; if it did by the same digest, nothing was in flight:
// the difference is steady.

#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "common/tick.h"
#include "proto/sync_packet.h"
#include "sync/cells.h"
#include "sync/swarms.h"

namespace shoal::sync {

// Ages, in ticks, that are compared. Younger records may still be in flight; older ones are about to expire,
// on one node a little earlier than on another.
constexpr int kCompareFromAge = 2;
constexpr int kCompareToAge = common::kLifetimeTicks - 6;

class Differences {
 public:
  // Compares a member's digests with our own.
  void compare(const proto::Digests& theirs, const StampDigests& own, common::Tick now);

  // Our records have changed much: earlier comparisons say nothing about later ones.
  void forget() { seen_.clear(); }

  // Ticks that differed in the last comparison.
  size_t count() const { return seen_.size(); }

  // Of those, ascending: the ones that have differed by the same digest, or by another each time.
  std::vector<common::Tick> steady() const { return picked(true); }
  std::vector<common::Tick> unsteady() const { return picked(false); }

  // Whether one that has differed by the same digest is `wanted(tick, digest)`.
  template <class Wanted>
  bool any_steady(Wanted wanted) const {
    return std::any_of(seen_.begin(), seen_.end(), [&](const auto& entry) {
      const auto& [tick, seen] = entry;
      return seen.again && seen.steady && wanted(tick, seen.digest);
    });
  }

  // These ticks, which ascend, and those between two of them where none differed.
  std::vector<common::Tick> joined(const std::vector<common::Tick>& ticks) const;

  // What the member said of a tick that differed.
  std::optional<uint64_t> theirs(common::Tick tick) const {
    const auto found = seen_.find(tick);
    return found == seen_.end() ? std::nullopt : std::optional(found->second.theirs);
  }

  // Theirs XOR ours, over all buckets of a tick that differed.
  uint64_t digest(common::Tick tick) const {
    const auto found = seen_.find(tick);
    return found == seen_.end() ? 0 : found->second.digest;
  }

 private:
  struct Seen {
    uint64_t digest = 0;  // theirs XOR ours
    uint64_t theirs = 0;
    bool again = false;
    bool steady = false;
  };
  std::vector<common::Tick> picked(bool steady) const;

  std::map<common::Tick, Seen> seen_;
};

// The message about our own records.
proto::Digests make_digests(const StampDigests& own, common::Tick now, uint32_t peer_timeout_s, bool ask,
                            bool partial = false);

// Parts that cover all of these ticks, which ascend: at most proto::kPullPartsMax. If the ticks are too
// scattered for that, the last part covers more than was asked for.
std::vector<proto::PullPart> parts_of_ticks(const std::vector<common::Tick>& ticks);

// The cells of these parts whose records may still be here; no parts: none.
Cells cells_of_parts(std::span<const proto::PullPart> parts, common::Tick now);

}  // namespace shoal::sync
