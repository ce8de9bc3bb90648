// Differences: where one member's records and ours differ, as far as digests show it. Pure.
//
// What is underway at the moment of comparing makes ticks differ too, each time otherwise. So a tick counts
// only once it has differed twice in a row; if by the same digest, nothing was underway: it is steady.

#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "common/tick.h"
#include "proto/sync_pull.h"
#include "sync/swarms.h"

namespace shoal::sync {

// Ages, in ticks, that are compared. Younger records may still come by themselves; older ones are about to
// expire, here a little earlier than there.
constexpr int kCompareFromAge = 2;
constexpr int kCompareToAge = common::kLifetimeTicks - 6;

class Differences {
 public:
  // Compares what a member tells with our own digests.
  void compare(const proto::Digests& told, const StampDigests& own, common::Tick now);

  // Our records have changed much: what was seen before says nothing of what will be.
  void forget() { seen_.clear(); }

  // Ticks that differed in the last comparison.
  size_t count() const { return seen_.size(); }

  // Of those, ascending: the ones that have differed alike, or otherwise each time.
  std::vector<common::Tick> steady() const { return picked(true); }
  std::vector<common::Tick> unsteady() const { return picked(false); }

  // Theirs XOR ours, over all buckets of a tick that differed.
  uint64_t digest(common::Tick tick) const {
    const auto found = seen_.find(tick);
    return found == seen_.end() ? 0 : found->second.digest;
  }

 private:
  struct Seen {
    uint64_t digest = 0;  // theirs XOR ours
    bool again = false;
    bool steady = false;
  };
  std::vector<common::Tick> picked(bool steady) const;

  std::map<common::Tick, Seen> seen_;
};

// What we tell of our own records.
proto::Digests digests_to_tell(const StampDigests& own, common::Tick now, uint32_t peer_timeout_s, bool ask);

// Parts that ask for all of these ticks, which ascend: at most proto::kPullPartsMax, with more ticks than
// asked for where they are too scattered.
std::vector<proto::PullPart> parts_of_ticks(const std::vector<common::Tick>& ticks);

}  // namespace shoal::sync
