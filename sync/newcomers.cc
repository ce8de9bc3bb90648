#include "sync/newcomers.h"

#include <algorithm>

#include "sync/address_nonce.h"

namespace shoal::sync {

const Newcomer::Challenged* Newcomer::reached_at(const proto::ChallengeEcho& echo,
                                                 const common::Endpoint& from, int64_t now_us) const {
  if (now_us - secret_us >= kSecretUs) return nullptr;
  const auto answers = [&](const Challenged& one) { return echo.nonce == nonce_at(secret, one.at); };
  // A node with several addresses may answer from another one.
  const auto here = std::find_if(challenged.begin(), challenged.end(),
                                 [&](const Challenged& one) { return one.at == from && answers(one); });
  if (here != challenged.end()) return &*here;
  const auto found = std::find_if(challenged.begin(), challenged.end(), answers);
  return found == challenged.end() ? nullptr : &*found;
}

Newcomer::Challenged* Newcomer::turn_of(const common::Endpoint& at, int64_t now_us) {
  if (now_us < next_claim_us) return nullptr;
  const auto found =
      std::find_if(challenged.begin(), challenged.end(), [&](const Challenged& one) { return one.at == at; });
  if (found != challenged.end()) return now_us < found->next_us ? nullptr : &*found;
  if (challenged.size() >= kAddressesMax) {
    challenged.erase(std::min_element(challenged.begin(), challenged.end(),
                                      [](const auto& a, const auto& b) { return a.last_us < b.last_us; }));
  }
  return &challenged.emplace_back(Challenged{at, now_us, now_us});
}

bool Newcomer::is_challenged_at(const common::Endpoint& at) const {
  return std::any_of(challenged.begin(), challenged.end(),
                     [&](const Challenged& one) { return one.at == at; });
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
  made.first_us = made.heard_us = made.secret_us = made.next_claim_us = made.next_echo_us = now_us;
  return &made;
}

void Newcomers::forget(int64_t now_us) {
  std::erase_if(all_,
                [now_us](const auto& entry) { return now_us - entry.second.heard_us >= kForgetAfterUs; });
}

}  // namespace shoal::sync
