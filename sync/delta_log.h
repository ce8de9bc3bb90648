// DeltaLog: what was announced here and has not yet been told to the others. It collects deltas for a short
// while, keeps of each peer only the last word, and packs them into as few packets as will hold them.

#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "common/tick.h"
#include "proto/delta.h"

namespace shoal::sync {

class DeltaLog {
 public:
  // The first pending delta waits at most this long.
  static constexpr int64_t kFlushUs = 50'000;

  // Flushed early at this many: about 16 packets, a burst that any receive buffer holds. Waiting for more
  // than one packet's worth is what makes packets small: a swarm's deltas then travel together and share its
  // info_hash.
  static constexpr size_t kPendingMax = 1024;

  explicit DeltaLog(uint32_t peer_timeout_s) : peer_timeout_s_(peer_timeout_s) {}

  // Takes deltas from the front of `deltas` until it is full; how many it took.
  size_t add(std::span<const proto::Delta> deltas, int64_t now_us);

  bool full() const { return pending_.size() >= kPendingMax; }

  // When flush() is due; far in the future if nothing is pending.
  int64_t deadline_us() const { return deadline_us_; }

  // The pending deltas as packet bodies, each fit for one datagram; nothing is pending afterwards. `now`
  // tells the stamps' order.
  std::vector<std::vector<uint8_t>> flush(common::Tick now);

  // Forgets what is pending: there is nobody to tell.
  void discard();

 private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  uint32_t peer_timeout_s_;
  std::vector<proto::Delta> pending_;
  int64_t deadline_us_ = kNever;
  size_t raw_target_ = 0;  // bytes before compression that lately filled a datagram
};

// Sorts by proto::delta_before and leaves one delta a peer: the one that merging all of them would leave.
void coalesce(std::vector<proto::Delta>& deltas, common::Tick now);

}  // namespace shoal::sync
