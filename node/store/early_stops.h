// EarlyStops: stops of peers that were not on record, which the start may follow: a client that starts at one
// node and stops at another before that has heard of it. They create no record; but the last few of a shard
// are remembered, so that a start that was made before is not taken for news when it arrives.
//
// Fixed size: a flood of such stops makes it forget earlier ones, and costs no more. With 1024 shards it
// takes 4,000 such stops a second to forget one within two seconds. Guarded by the shard's lock.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/tick.h"

namespace shoal::node {

class EarlyStops {
 public:
  static constexpr size_t kMax = 8;

  // `peer` is a hash of swarm and peer that nobody can aim.
  void add(uint64_t peer, common::Moment moment) {
    entries_[next_ % kMax] = {peer, moment};
    ++next_;
  }

  // When the peer stopped last.
  std::optional<common::Moment> find(uint64_t peer) const {
    std::optional<common::Moment> found;
    for (const Entry& entry : entries_) {
      if (entry.peer == peer && entry.moment > found.value_or(common::Moment{})) found = entry.moment;
    }
    return found;
  }

  bool empty() const { return next_ == 0; }

 private:
  struct Entry {
    uint64_t peer = 0;
    common::Moment moment;
  };

  std::array<Entry, kMax> entries_{};
  uint32_t next_ = 0;
};

}  // namespace shoal::node
