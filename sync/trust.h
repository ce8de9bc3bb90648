// Trust: who becomes a member. An authentic packet only proves that it was sealed once; a new incarnation, or
// one that has been silent for long, is challenged and admitted when its echo proves that it is running now.

#pragma once

#include <optional>

#include "common/prng.h"
#include "sync/challenges.h"
#include "sync/clock.h"
#include "sync/complaints.h"
#include "sync/delta_receiver.h"
#include "sync/membership.h"
#include "sync/namesakes.h"
#include "sync/newcomers.h"
#include "sync/stats.h"

namespace shoal::sync {

class Trust {
 public:
  // The references must outlive it.
  Trust(const Identity& identity, Membership& members, Challenges& challenges, Namesakes& namesakes,
        DeltaReceiver& streams, Complaints& complaints, common::Prng& prng)
      : identity_(identity),
        members_(members),
        challenges_(challenges),
        namesakes_(namesakes),
        streams_(streams),
        complaints_(complaints),
        prng_(prng) {}

  // A node that has just proved that it is running.
  struct Trusted {
    Member& member;
    common::Endpoint at;  // where the challenge reached it
    int64_t round_trip_us;
    std::optional<Newcomer::Said> said;  // its newest heartbeat, not received yet
  };

  // A packet of a node that is not trusted. Nothing: it still is not.
  std::optional<Trusted> receive(Now now, const proto::SyncHeader& header, const Received& datagram,
                                 const proto::SyncPacket& packet, Outputs& out);

  // Challenges again those that have not answered yet.
  void challenge_again(Now now, Outputs& out);

  // Somebody has been heard from there since before this moment and answers no challenge.
  bool unanswered(const common::Endpoint& from, int64_t before_us) const;

  void forget(Now now) { newcomers_.forget(now.mono_us); }

  const TrustStats& stats() const { return stats_; }
  uint64_t dropped_refused() const { return dropped_refused_; }

 private:
  bool is_stale(const proto::SyncHeader& header, Now now);
  void challenge(Now now, uint64_t incarnation, Newcomer& newcomer, const common::Endpoint& at, Outputs& out);
  // A new member, or a new incarnation of one we know; null: there is no room.
  Member* admit(Now now, const proto::SyncHeader& header, const common::Endpoint& at,
                const proto::ChallengeEcho& echo, const Newcomer& newcomer, Outputs& out);

  const Identity& identity_;
  Membership& members_;
  Challenges& challenges_;
  Namesakes& namesakes_;
  DeltaReceiver& streams_;
  Complaints& complaints_;
  common::Prng& prng_;
  Newcomers newcomers_;
  uint64_t dropped_refused_ = 0;
  TrustStats stats_;
};

}  // namespace shoal::sync
