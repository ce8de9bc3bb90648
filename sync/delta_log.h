// DeltaLog: what was announced here and has not yet been told to the others. It collects deltas for a short
// while, keeps of each peer only the last word, and packs them into as few packets as will hold them. Where
// the link is short they wait here: stops go first, so that nobody is sent to who is gone, then news, and
// refreshes last, which only say that a peer is still there.

#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <limits>
#include <span>
#include <vector>

#include "common/tick.h"
#include "proto/delta.h"

namespace shoal::sync {

class DeltaLog {
 public:
  // The first pending delta waits at most this long, if the link is not short.
  static constexpr int64_t kFlushUs = 50'000;

  // Packed together at most: about 16 packets, a burst that any receive buffer holds. Waiting for more than
  // one packet's worth is what makes packets small: a swarm's deltas then travel together and share its
  // info_hash.
  static constexpr size_t kBatchMax = 1024;

  // Of each urgency (stops, news, refreshes) so many may wait; more are dropped, and healed by digests.
  static constexpr size_t kWaitingMax = 65'536;

  explicit DeltaLog(uint32_t peer_timeout_s) : peer_timeout_s_(peer_timeout_s) {}

  // How many found no room.
  size_t add(std::span<const proto::OwnDelta> deltas, int64_t now_us);

  size_t waiting() const;

  // When flush() is due; far in the future if nothing waits.
  int64_t deadline_us() const { return deadline_us_; }

  // The most urgent `deltas_max` as packet bodies, each fit for one datagram; they wait no more. `now` tells
  // the stamps' order; the bodies say `sent_unix_ms`.
  std::vector<std::vector<uint8_t>> flush(common::Tick now, size_t deltas_max = kBatchMax,
                                          int64_t sent_unix_ms = 0);

  // Forgets what waits; how many that was.
  size_t discard();

 private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  std::vector<std::vector<uint8_t>> pack(std::span<const proto::Delta> sorted, int64_t sent_unix_ms);

  uint32_t peer_timeout_s_;
  std::array<std::deque<proto::Delta>, 3> waiting_;  // the most urgent first
  int64_t deadline_us_ = kNever;
  size_t raw_target_ = 0;  // bytes before compression that lately filled a datagram
};

// Sorts by proto::delta_before and leaves one delta a peer: the one that merging all of them would leave.
void coalesce(std::vector<proto::Delta>& deltas, common::Tick now);

}  // namespace shoal::sync
