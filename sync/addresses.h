// Addresses: where members are reached, and which members are behind the addresses of sync.peers (seeds).
//
// A packet proves who wrote it, not where it came from: whoever sees it may send it first from somewhere
// else. So an address is believed once a challenge that was sent to it alone is answered.

#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "common/prng.h"
#include "sync/arrival.h"
#include "sync/challenges.h"
#include "sync/complaints.h"
#include "sync/keys.h"
#include "sync/membership.h"

namespace shoal::sync {

class Addresses {
 public:
  // The references must outlive it.
  Addresses(const Identity& identity, const KeyRing& keys, Membership& members, Challenges& challenges,
            Complaints& complaints, common::Prng& prng);

  // Replaces the seeds. True if there are new ones.
  bool set_seeds(std::vector<common::Endpoint> seeds, int64_t now_us);
  const std::vector<common::Endpoint>& seeds() const { return seeds_; }

  // It is an address of this node: a challenge that was sent there alone came back. Whoever is on the path
  // there can feign that, so the address is tried all the same.
  bool is_own(const common::Endpoint& seed) const {
    return seed == identity_.advertise || own_seeds_.contains(seed);
  }

  // Every seed is the address of a member, or our own; and there are some.
  bool seeds_answered(int64_t now_us) const;

  // Logs, once, each seed at which no member is met.
  void log_silent_seeds(Now now, Outputs& out);

  // Finds out which member, or whether this node itself, is behind a seed from which nothing comes: a node
  // with several addresses answers from one of them. `unhurried`: seeds that are not new are due, too.
  void challenge_seeds(Now now, bool unhurried, Outputs& out);

  // A packet of ours came back. Where it seems to come from proves nothing: anybody may have recorded it.
  void receive_own(Now now, const proto::SyncHeader& header, const Received& datagram);

  // The member has answered a challenge that was sent to `at`.
  void confirm(Member& member, const common::Endpoint& at);

  // The member is heard and does not hear us: if it advertises another address than its packets come from, it
  // is sent to the latter from now on, for a while.
  void try_source(Now now, Member& member, Outputs& out);

  // What the member's heartbeat says, and where that came from.
  void advertised(Now now, Member& member, const std::optional<common::Endpoint>& address,
                  const Received& datagram, Outputs& out);

  void receive(const Arrival& arrival, const proto::ChallengeEcho& echo, Outputs& out);

 private:
  // Asks it to prove that it is reached there.
  void challenge_at(Now now, Member& member, const common::Endpoint& to, Outputs& out);
  void move(Now now, Member& member, common::Endpoint to, Outputs& out);

  const Identity& identity_;
  const KeyRing& keys_;
  Membership& members_;
  Challenges& challenges_;
  Complaints& complaints_;
  common::Prng& prng_;
  proto::ChallengeNonce own_secret_{};                // of the challenges to ourselves
  int64_t own_secret_us_ = kLongAgoUs;                // when it was drawn
  std::vector<common::Endpoint> seeds_;               // ascending
  std::map<common::Endpoint, int64_t> own_seeds_;     // of those: our own, and when that was last shown
  std::map<common::Endpoint, int64_t> silent_seeds_;  // nobody has been met there since then
  uint64_t seed_cursor_ = 0;  // id of the member from which the next are challenged at a silent seed
};

}  // namespace shoal::sync
