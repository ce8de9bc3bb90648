// Messages of the sync channel about the channel itself: what is missing, and who is to be trusted.
// Plain structs; sync_packet.h has their bytes.

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/result.h"

namespace shoal::proto {

namespace pb {
class Nack;
class Challenge;
class ChallengeEcho;
}  // namespace pb

// Packets of a stream, both ends included.
struct SequenceRange {
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t size() const { return last - first + 1; }
  bool operator==(const SequenceRange&) const = default;
};

// Ranges one Nack may name: its body then fits a datagram whatever they are.
constexpr size_t kNackRangesMax = 64;

// "Send me these again": delta packets of the receiver's incarnation. To be encoded: ascending, disjoint and
// not adjacent.
struct Nack {
  uint64_t incarnation = 0;
  std::vector<SequenceRange> ranges;
  bool operator==(const Nack&) const = default;
};

// The answer for what the origin no longer has.
struct Gone {
  uint64_t up_to = 0;
  bool operator==(const Gone&) const = default;
};

// "Prove that you are running now": to an incarnation that is not trusted yet.
using ChallengeNonce = std::array<uint8_t, 16>;

struct Challenge {
  uint64_t incarnation = 0;  // of the one challenged
  ChallengeNonce nonce{};
  bool operator==(const Challenge&) const = default;
};

struct ChallengeEcho {
  ChallengeNonce nonce{};
  uint64_t delta_sequence = 0;  // as in a heartbeat
  int64_t uptime_ms = 0;
  int64_t unix_ms = 0;        // cluster time, as in a heartbeat
  int64_t wall_ahead_ms = 0;  // as in a heartbeat
  bool operator==(const ChallengeEcho&) const = default;
};

// Clocks farther apart than any that are of use; keeps sums of times in range.
constexpr int64_t kSyncTimeMaxMs = int64_t{1} << 52;

constexpr bool sane_time(int64_t ms) { return ms >= -kSyncTimeMaxMs && ms <= kSyncTimeMaxMs; }

void nack_to_pb(const Nack& nack, pb::Nack& out);
common::Result<Nack> nack_from_pb(const pb::Nack& in);
void challenge_to_pb(const Challenge& challenge, pb::Challenge& out);
common::Result<Challenge> challenge_from_pb(const pb::Challenge& in);
void echo_to_pb(const ChallengeEcho& echo, pb::ChallengeEcho& out);
common::Result<ChallengeEcho> echo_from_pb(const pb::ChallengeEcho& in);

}  // namespace shoal::proto
