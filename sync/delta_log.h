// DeltaLog: what was announced here and has not been sent to the others yet. It collects deltas for a short
// while, keeps only the newest of each peer, and packs them into as few packets as possible. If the link is
// slow they wait here: stops are sent first, so that no client is sent to a peer that is gone, then changes,
// and refreshes last, which only say that a peer is still there.

#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <limits>
#include <span>
#include <vector>

#include "common/tick.h"
#include "proto/delta.h"
#include "sync/told_hashes.h"

namespace shoal::sync {

class DeltaLog {
 public:
  // The first delta waits at most this long, unless the link is slow.
  static constexpr int64_t kFlushUs = 50'000;

  // Packed together at most: about 16 packets, a burst that fits any receive buffer. Collecting more than one
  // packet's worth keeps the packets small: a swarm's deltas then travel together and share its info_hash.
  static constexpr size_t kBatchMax = 1024;

  // This many of each urgency (stops, changes, refreshes) may wait; more are dropped, and repaired by
  // digests.
  static constexpr size_t kWaitingMax = 65'536;

  explicit DeltaLog(uint32_t peer_timeout_s) : peer_timeout_s_(peer_timeout_s) {}

  // Returns how many were dropped.
  size_t add(std::span<const proto::OwnDelta> deltas, int64_t now_us);

  size_t waiting() const;

  // When flush() is due; far in the future if nothing waits.
  int64_t deadline_us() const { return deadline_us_; }

  // Removes the most urgent `deltas_max` and returns them as packet bodies, each fit for one datagram. `now`
  // defines the order of stamps; the bodies carry `sent_unix_ms`. With `told` info_hashes go by number where
  // it has one, and what is told is noted there; without, all go in full.
  std::vector<std::vector<uint8_t>> flush(common::Tick now, size_t deltas_max = kBatchMax,
                                          int64_t sent_unix_ms = 0, ToldHashes* told = nullptr);

  // Drops everything that waits; returns how many deltas that was.
  size_t discard();

 private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  std::vector<std::vector<uint8_t>> pack(std::vector<proto::Delta> sorted, int64_t sent_unix_ms,
                                         ToldHashes* told);

  uint32_t peer_timeout_s_;
  std::array<std::deque<proto::Delta>, 3> waiting_;  // the most urgent first
  int64_t deadline_us_ = kNever;
  size_t raw_target_ = 0;  // bytes before compression that recently filled a datagram
};

// Sorts by proto::delta_before and leaves one delta a peer: the one that merging all of them would leave.
void coalesce(std::vector<proto::Delta>& deltas, common::Tick now);

}  // namespace shoal::sync
