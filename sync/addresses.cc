#include "sync/addresses.h"

#include <algorithm>

#include "sync/address_nonce.h"
#include "sync/seal.h"

namespace shoal::sync {

namespace {

// After this long challenges use a new secret, and echoes of the old one are too late.
constexpr int64_t kSecretUs = 5'000'000;

// A member that keeps sending from several addresses is not challenged more often.
constexpr int64_t kMoveEveryUs = 250'000;

// Before that a seed may just be starting.
constexpr int64_t kSeedQuietUs = 2'000'000;

// After this long a seed is logged as silent. The machines of a cluster are started one after the other.
constexpr int64_t kSeedPatienceUs = 30'000'000;

// A member is challenged where it says it is, until it answers: less and less often, in the end so rarely
// that no router keeps a flow alive by it.
constexpr int64_t kProofAgainUs = 500'000;
constexpr int64_t kProofAgainMaxUs = 200'000'000;

// Members challenged at one seed in one round of heartbeats.
constexpr size_t kAskedAtSeed = 4;

}  // namespace

Addresses::Addresses(const Identity& identity, const KeyRing& keys, Membership& members,
                     Challenges& challenges, Complaints& complaints, common::Prng& prng)
    : identity_(identity),
      keys_(keys),
      members_(members),
      challenges_(challenges),
      complaints_(complaints),
      prng_(prng) {}

bool Addresses::set_seeds(std::vector<common::Endpoint> seeds, int64_t now_us) {
  std::sort(seeds.begin(), seeds.end());
  seeds.erase(std::unique(seeds.begin(), seeds.end()), seeds.end());
  const bool more = !std::includes(seeds_.begin(), seeds_.end(), seeds.begin(), seeds.end());
  std::map<common::Endpoint, int64_t> silent;
  for (const common::Endpoint& seed : seeds) {
    if (identity_.advertise == seed) continue;
    if (!std::binary_search(seeds_.begin(), seeds_.end(), seed)) {
      silent[seed] = now_us;
    } else if (const auto known = silent_seeds_.find(seed); known != silent_seeds_.end()) {
      silent.insert(*known);
    }
  }
  silent_seeds_ = std::move(silent);
  seeds_ = std::move(seeds);
  challenges_.set_named(seeds_);
  std::erase_if(own_seeds_, [this](const auto& own) {
    return !std::binary_search(seeds_.begin(), seeds_.end(), own.first);
  });
  return more;
}

bool Addresses::seeds_answered(int64_t now_us) const {
  return !seeds_.empty() && std::all_of(seeds_.begin(), seeds_.end(), [&](const common::Endpoint& seed) {
    return is_own(seed) || members_.covers(seed, now_us);
  });
}

void Addresses::log_silent_seeds(Now now, Outputs& out) {
  std::erase_if(silent_seeds_, [&](const auto& seed) {
    if (own_seeds_.contains(seed.first) || members_.covers(seed.first, now.mono_us)) return true;
    if (now.mono_us - seed.second < kSeedPatienceUs) return false;
    out.logs.push_back({common::LogLevel::warn,
                        "no member is met at a sync peer: it is not running, cannot be reached, or refuses "
                        "this node, which its log would say",
                        {{"address", to_string(seed.first)}}});
    return true;
  });
}

void Addresses::challenge_seeds(Now now, bool unhurried, Outputs& out) {
  if (now.mono_us - own_secret_us_ >= kSecretUs) {
    own_secret_ = random_nonce(prng_);
    own_secret_us_ = now.mono_us;
  }
  std::erase_if(own_seeds_,
                [now](const auto& own) { return now.mono_us - own.second >= Member::kReachedUs; });
  for (const common::Endpoint& seed : seeds_) {
    const auto silent = silent_seeds_.find(seed);
    const bool hurried = silent != silent_seeds_.end();
    if ((!hurried && !unhurried) || seed == identity_.advertise || members_.covers(seed, now.mono_us)) {
      continue;
    }
    challenges_.send_to_self(own_secret_, seed, out);  // it may be an address of our own
    if (hurried && now.mono_us - silent->second < kSeedQuietUs) continue;
    auto next = members_.all().lower_bound(seed_cursor_);
    for (size_t i = 0; i < std::min(kAskedAtSeed, members_.all().size()); ++i, ++next) {
      if (next == members_.all().end()) next = members_.all().begin();
      seed_cursor_ = next->first + 1;
      if (next->second.liveness(now.mono_us) != Liveness::down) challenge_at(now, next->second, seed, out);
    }
  }
}

void Addresses::receive_own(Now now, const proto::SyncHeader& header, const Received& datagram) {
  if (datagram.group || seeds_.empty() || now.mono_us - own_secret_us_ >= kSecretUs) return;
  const auto body = open_sealed(keys_, header, datagram.bytes);
  if (!body) return;
  const auto packet = proto::decode_sync_packet(*body);
  const auto* challenge = packet ? std::get_if<proto::Challenge>(&*packet) : nullptr;
  if (challenge == nullptr) return;
  for (const common::Endpoint& seed : seeds_) {
    if (challenge->nonce != nonce_at(own_secret_, seed) || members_.covers(seed, now.mono_us)) continue;
    own_seeds_[seed] = now.mono_us;
    silent_seeds_.erase(seed);
  }
}

void Addresses::challenge_at(Now now, Member& member, const common::Endpoint& to, Outputs& out) {
  if (!challenges_.spend(now, to)) return;
  MemberReach& reach = member.reach.mine();
  if (now.mono_us - reach.secret_us >= kSecretUs) {
    reach.secret = random_nonce(prng_);
    reach.secret_us = now.mono_us;
  }
  challenges_.send(member.incarnation(), reach.secret, to, out);
}

void Addresses::confirm(Member& member, const common::Endpoint& at) {
  MemberReach& reach = member.reach.mine();
  reach.source = at;
  if (!reach.advertises) reach.address = at;
}

void Addresses::try_source(Now now, Member& member, Outputs& out) {
  MemberReach& reach = member.reach.mine();
  if (!reach.advertises || reach.address == reach.source) return;
  out.logs.push_back({common::LogLevel::warn,
                      "member does not hear this node at the address that it advertises; from now on it is "
                      "sent to where its packets come from",
                      {{"member", member.display_name()},
                       {"advertised", to_string(reach.address)},
                       {"address", to_string(reach.source)}}});
  reach.advertises = false;
  reach.address = reach.source;
  reach.next_proof_us = now.mono_us + kProofAgainMaxUs;
}

void Addresses::advertised(Now now, Member& member, const std::optional<common::Endpoint>& address,
                           const Received& datagram, Outputs& out) {
  MemberReach& reach = member.reach.mine();
  if (reach.advertised != address) {
    reach.advertised = address;
    reach.advertises = address == reach.source;
    reach.next_proof_us = kLongAgoUs;
    reach.proof_pause_us = kProofAgainUs;
  }
  reach.address = reach.advertises ? *reach.advertised : reach.source;
  if (address && !reach.advertises && now.mono_us >= reach.next_proof_us) {
    reach.next_proof_us = now.mono_us + reach.proof_pause_us;
    reach.proof_pause_us = std::min(2 * reach.proof_pause_us, kProofAgainMaxUs);
    challenge_at(now, member, *address, out);
  }
  if (datagram.group) return;
  if (datagram.from == reach.source || now.mono_us - reach.moving_us < kMoveEveryUs) return;
  reach.moving_to = datagram.from;
  reach.moving_us = now.mono_us;
  challenge_at(now, member, datagram.from, out);
}

void Addresses::move(Now now, Member& member, common::Endpoint to, Outputs& out) {
  MemberReach& reach = member.reach.mine();
  reach.source = to;
  reach.moving_to.reset();
  if (reach.advertises || reach.address == to) return;
  reach.address = to;
  if (!complaints_.due(Complaint::moved, now.mono_us)) return;
  out.logs.push_back({common::LogLevel::info,
                      "member moved",
                      {{"member", member.display_name()}, {"address", to_string(to)}}});
}

void Addresses::receive(const Arrival& arrival, const proto::ChallengeEcho& echo, Outputs& out) {
  const Now now = arrival.now;
  Member& member = arrival.member;
  MemberReach& reach = member.reach.mine();
  if (now.mono_us - reach.secret_us >= kSecretUs) return;
  const auto reached = [&](const common::Endpoint& to) { return echo.nonce == nonce_at(reach.secret, to); };
  if (reach.advertised && reached(*reach.advertised)) {
    reach.advertises = true;
    reach.address = *reach.advertised;
    if (*reach.advertised != arrival.datagram.from) return;
  }
  if (reached(arrival.datagram.from)) return move(now, member, arrival.datagram.from, out);
  if (reach.moving_to && reached(*reach.moving_to)) return move(now, member, *reach.moving_to, out);
  const auto seed = std::find_if(seeds_.begin(), seeds_.end(), reached);
  if (seed == seeds_.end()) return;
  std::erase_if(reach.reached_at,
                [now](const auto& entry) { return now.mono_us - entry.second >= Member::kReachedUs; });
  reach.reached_at[*seed] = now.mono_us;
}

}  // namespace shoal::sync
