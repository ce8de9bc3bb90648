// Namesakes: keeps apart the next run of a node and a second node that was given the same name, which makes
// it claim the same id.
//
// Of two that run at once the one that has run for longer has the name; if they started within two seconds,
// the one with the lower incarnation. So all nodes decide alike, whatever their clocks say and whom they met
// first. The other one is refused: nothing it sends is used, and it is told, so that it knows. A node whose
// last run does not answer is not refused.

#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>

#include "common/prng.h"
#include "sync/arrival.h"
#include "sync/challenges.h"
#include "sync/complaints.h"
#include "sync/identity.h"
#include "sync/membership.h"
#include "sync/newcomers.h"
#include "sync/sender.h"

namespace shoal::sync {

class Namesakes {
 public:
  // The references must outlive it.
  Namesakes(const Identity& identity, Membership& members, Sender& sender, Challenges& challenges,
            Complaints& complaints, common::Prng& prng)
      : identity_(identity),
        members_(members),
        sender_(sender),
        challenges_(challenges),
        complaints_(complaints),
        prng_(prng) {}

  // A node that has just proved that it runs.
  struct Claim {
    uint64_t incarnation;
    common::Endpoint at;
    int64_t started_us;  // by our clock
  };

  // It claims the id of `member`, which is not down and of another incarnation. True: it takes the member's
  // place. False: not now, since the member may still run, or does.
  bool claim(Now now, Member& member, const Claim& claim, Outputs& out);

  // The claimant of the member's id is to prove itself again at this time.
  static int64_t next_claim_us(const Member& member, int64_t now_us);

  // An echo of a member may answer our question whether it runs.
  static void hear(Now now, Member& member, const proto::ChallengeEcho& echo);

  // A packet with the id of this node, of another incarnation.
  void receive_own_id(Now now, const proto::SyncHeader& header, const proto::SyncPacket& packet,
                      const common::Endpoint& from, Outputs& out);

  void receive(const Arrival& arrival, const proto::NameTaken& taken, Outputs& out);

  // Asks the members whose id is claimed. Due at due_us().
  void advance(Now now, Outputs& out);
  int64_t due_us() const { return due_us_; }

  // Where the node is that has the name of this one, which is refused for that; nothing: it is not refused.
  std::optional<common::Endpoint> taken_by(int64_t now_us) const;

  // Where another node is that claims the name of this one, or of the member, and is refused; nothing: none.
  std::optional<common::Endpoint> claimant(int64_t now_us) const;
  static std::optional<common::Endpoint> claimant(const Member& member, int64_t now_us);

 private:
  // Another run with the id of this node, which has proved that it runs.
  struct Rival {
    uint64_t incarnation = 0;
    common::Endpoint at{};
    int64_t proven_us = kLongAgoUs;  // last
    bool has_the_name = false;
  };

  void refuse(Now now, Member& member, const Claim& claim, Outputs& out);
  void prove(Now now, uint64_t incarnation, int64_t started_us, const common::Endpoint& at, Outputs& out);
  std::optional<common::Endpoint> taken_as_told(int64_t now_us) const;
  void log_own(Now now, const common::Endpoint& at, Outputs& out);

  const Identity& identity_;
  Membership& members_;
  Sender& sender_;
  Challenges& challenges_;
  Complaints& complaints_;
  common::Prng& prng_;
  Rival rival_;
  Newcomers rivals_;  // that have not proved that they run: most are old runs of ours, played again
  int64_t next_echo_us_ = kLongAgoUs;
  struct Word {
    common::Endpoint holder;
    int64_t said_us;
  };
  std::map<uint64_t, Word> words_;  // by member that said that our name is taken
  int64_t due_us_ = std::numeric_limits<int64_t>::max();
};

}  // namespace shoal::sync
