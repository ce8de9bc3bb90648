#include "sync/challenges.h"

#include <algorithm>

#include "sync/address_nonce.h"

namespace shoal::sync {

bool Challenges::spend(Now now, const common::Endpoint& to) {
  TokenBucket& budget = std::binary_search(named_.begin(), named_.end(), to) ? named_budget_ : budget_;
  budget.refill(now.mono_us);
  if (!budget.open()) return false;
  budget.spend(1);
  return true;
}

void Challenges::send(uint64_t incarnation, const proto::ChallengeNonce& secret, const common::Endpoint& to,
                      Outputs& out) {
  ++stats_.challenges_sent;
  sender_.send(to, proto::Challenge{incarnation, nonce_at(secret, to)}, out);
}

void Challenges::send_to_self(const proto::ChallengeNonce& secret, const common::Endpoint& to, Outputs& out) {
  sender_.send(to, proto::Challenge{identity_.incarnation, nonce_at(secret, to)}, out);
}

void Challenges::receive(const Arrival& arrival, const proto::Challenge& challenge, Outputs& out) {
  answer(arrival.now, challenge, arrival.datagram.from, out);
}

void Challenges::receive_unproven(Now now, const proto::Challenge& challenge, const common::Endpoint& from,
                                  Outputs& out) {
  if (spend(now, from)) answer(now, challenge, from, out);
}

void Challenges::answer(Now now, const proto::Challenge& challenge, const common::Endpoint& to,
                        Outputs& out) {
  if (!is_for_us(challenge) || departure_.left()) return;
  sender_.send(to,
               proto::ChallengeEcho{challenge.nonce, sender_.delta_sequence(), identity_.uptime_ms(now),
                                    clock_.at_ms(now), clock_.time().announced_wall_ahead_ms()},
               out);
}

}  // namespace shoal::sync
