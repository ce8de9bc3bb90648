#include "sync/newcomers.h"

#include <algorithm>

#include "sync/address_nonce.h"

namespace shoal::sync {

std::optional<common::Endpoint> Newcomer::reached_at(const proto::ChallengeEcho& echo,
                                                     const common::Endpoint& from) const {
  if (!challenged_at) return std::nullopt;
  // A node with several addresses may answer from another one.
  for (const common::Endpoint& to : {from, *challenged_at}) {
    if (echo.nonce == nonce_at(secret, to)) return to;
  }
  return std::nullopt;
}

Newcomer* Newcomers::note(uint64_t id, uint64_t incarnation, const proto::ChallengeNonce& secret,
                          int64_t now_us) {
  const auto found = all_.find({id, incarnation});
  if (found != all_.end()) {
    found->second.heard_us = now_us;
    return &found->second;
  }
  if (all_.size() >= kMax) {
    const auto oldest = std::min_element(all_.begin(), all_.end(), [](const auto& a, const auto& b) {
      return a.second.first_us < b.second.first_us;
    });
    if (now_us - oldest->second.first_us < kPatienceUs) return nullptr;
    all_.erase(oldest);
  }
  Newcomer& made = all_[{id, incarnation}];
  made.secret = secret;
  made.first_us = made.heard_us = made.next_challenge_us = made.next_echo_us = now_us;
  return &made;
}

void Newcomers::forget(int64_t now_us) {
  std::erase_if(all_,
                [now_us](const auto& entry) { return now_us - entry.second.heard_us >= kForgetAfterUs; });
}

}  // namespace shoal::sync
