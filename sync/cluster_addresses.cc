// Where members are reached. A packet proves who wrote it, not where it came from: whoever sees it may send
// it first from somewhere else. So an address is believed once a challenge that went there alone is answered.

#include <algorithm>

#include "sync/address_nonce.h"
#include "sync/cluster_impl.h"

namespace shoal::sync {

namespace {

// Then challenges are made with another secret, and echoes of the last one are too late.
constexpr int64_t kSecretUs = 5'000'000;

// A member that keeps sending from several addresses is not challenged more often.
constexpr int64_t kMoveEveryUs = 250'000;

// Before that it may just be starting.
constexpr int64_t kSeedQuietUs = 2'000'000;

// Who may be behind one address of sync.peers is asked of so many members in one round of heartbeats.
constexpr size_t kAskedAtSeed = 4;

}  // namespace

void Cluster::Impl::challenge_at(Now now, Member& member, const common::Endpoint& to, Outputs& out) {
  challenge_bucket.refill(now.mono_us);
  if (!challenge_bucket.open()) return;
  challenge_bucket.take(1);
  if (now.mono_us - member.address_secret_us >= kSecretUs) {
    member.address_secret = random_nonce(prng);
    member.address_secret_us = now.mono_us;
  }
  ++stats.challenges_sent;
  send_control(to, proto::Challenge{member.incarnation, nonce_at(member.address_secret, to)}, out);
}

void Cluster::Impl::note_source(Now now, Member& member, const common::Endpoint& from, Outputs& out) {
  if (from == member.source || now.mono_us - member.moving_us < kMoveEveryUs) return;
  member.moving_to = from;
  member.moving_us = now.mono_us;
  challenge_at(now, member, from, out);
}

void Cluster::Impl::take_address(Now now, Member& member, const common::Endpoint& at, Outputs& out) {
  member.source = at;
  member.moving_to.reset();
  if (member.advertises || member.address == at) return;
  member.address = at;
  if (!complaints.due(Complaint::moved, now.mono_us)) return;
  out.logs.push_back({common::LogLevel::info,
                      "member moved",
                      {{"member", display_name(member)}, {"address", to_string(at)}}});
}

void Cluster::Impl::apply_echo(Now now, Member& member, const proto::ChallengeEcho& echo,
                               const common::Endpoint& from, Outputs& out) {
  if (now.mono_us - member.address_secret_us >= kSecretUs) return;
  const auto reached = [&](const common::Endpoint& to) {
    return echo.nonce == nonce_at(member.address_secret, to);
  };
  if (reached(from)) return take_address(now, member, from, out);
  if (member.moving_to && reached(*member.moving_to)) {
    return take_address(now, member, *member.moving_to, out);
  }
  const auto seed = std::find_if(seeds.begin(), seeds.end(), reached);
  if (seed == seeds.end()) return;
  std::erase_if(member.reached_at,
                [now](const auto& entry) { return now.mono_us - entry.second >= Member::kReachedUs; });
  member.reached_at[*seed] = now.mono_us;
}

void Cluster::Impl::challenge_seeds(Now now, Outputs& out) {
  const bool unhurried = heartbeats % kProbeEvery == 0;
  for (const common::Endpoint& seed : seeds) {
    const auto silent = silent_seeds.find(seed);
    const bool due = silent == silent_seeds.end() ? unhurried : now.mono_us - silent->second >= kSeedQuietUs;
    if (!due) continue;
    if (seed == config.advertise || own_seeds.contains(seed) || members.covers(seed, now.mono_us)) continue;
    // It may be an address of our own.
    send_control(seed, proto::Challenge{config.incarnation, nonce_at(own_secret, seed)}, out);
    auto next = members.all().lower_bound(seed_cursor);
    for (size_t i = 0; i < std::min(kAskedAtSeed, members.all().size()); ++i, ++next) {
      if (next == members.all().end()) next = members.all().begin();
      seed_cursor = next->first + 1;
      if (next->second.state(now.mono_us) != MemberState::down) challenge_at(now, next->second, seed, out);
    }
  }
}

void Cluster::Impl::hear_own(const proto::SyncHeader& header, const Received& datagram) {
  if (datagram.group || seeds.empty() || (phase != SyncPhase::waiting && silent_seeds.empty())) return;
  const auto body = open_sealed(keys, header, datagram.bytes);
  if (!body) return;
  if (std::binary_search(seeds.begin(), seeds.end(), datagram.from)) own_seeds.insert(datagram.from);
  const auto packet = proto::decode_sync_packet(*body);
  const auto* challenge = packet ? std::get_if<proto::Challenge>(&*packet) : nullptr;
  if (challenge == nullptr) return;
  for (const common::Endpoint& seed : seeds) {
    if (challenge->nonce == nonce_at(own_secret, seed)) own_seeds.insert(seed);
  }
}

}  // namespace shoal::sync
