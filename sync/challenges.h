// Challenges: asks nodes to prove that they are running now and are reached at an address, and answers others
// that ask us. All challenges and answers to strangers share one budget, so that nobody can make this node
// flood somebody.

#pragma once

#include <utility>
#include <vector>

#include "sync/arrival.h"
#include "sync/clock.h"
#include "sync/departure.h"
#include "sync/sender.h"
#include "sync/stats.h"
#include "sync/token_bucket.h"

namespace shoal::sync {

class Challenges {
 public:
  // The references must outlive it.
  Challenges(const Identity& identity, Sender& sender, const Clock& clock, const Departure& departure)
      : identity_(identity), sender_(sender), clock_(clock), departure_(departure) {}

  // These addresses, of sync.peers, ascending, have a budget of their own, so that nobody else uses it up.
  void set_named(std::vector<common::Endpoint> addresses) { named_ = std::move(addresses); }

  // Whether another challenge or answer to this address is within the budget; it is spent then.
  bool spend(Now now, const common::Endpoint& to);

  // It is for the present run of this node: no replay of one to an earlier run.
  bool is_for_us(const proto::Challenge& challenge) const {
    return challenge.incarnation == identity_.incarnation;
  }

  // To the incarnation that is reached at `to`; the budget is the caller's affair.
  void send(uint64_t incarnation, const proto::ChallengeNonce& secret, const common::Endpoint& to,
            Outputs& out);

  // The same, but of this node to itself; it is not counted.
  void send_to_self(const proto::ChallengeNonce& secret, const common::Endpoint& to, Outputs& out);

  // Of a member.
  void receive(const Arrival& arrival, const proto::Challenge& challenge, Outputs& out);

  // Of a node that is not trusted yet. The challenge is for us.
  void receive_unproven(Now now, const proto::Challenge& challenge, const common::Endpoint& from,
                        Outputs& out);

  const ChallengeStats& stats() const { return stats_; }

 private:
  void answer(Now now, const proto::Challenge& challenge, const common::Endpoint& to, Outputs& out);

  const Identity& identity_;
  Sender& sender_;
  const Clock& clock_;
  const Departure& departure_;
  std::vector<common::Endpoint> named_;
  TokenBucket budget_{200, 64};  // packets, not bytes
  TokenBucket named_budget_{100, 32};
  ChallengeStats stats_;
};

}  // namespace shoal::sync
