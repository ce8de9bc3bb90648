#include "sync/trust.h"

#include <algorithm>
#include <utility>

#include "sync/address_nonce.h"
#include "sync/retransmit_ring.h"

namespace shoal::sync {

namespace {

// A newcomer heard this recently is challenged again: the challenge or its echo may have been lost.
constexpr int64_t kAgainUs = 3'000'000;

// Delta packets that a node may have sent between the first that was heard of it and its echo. A recorded
// packet must not make us ask for everything it ever sent.
constexpr uint64_t kDeltasBefore = 4096;

// Control packets that an echo may have overtaken.
constexpr uint64_t kControlBefore = 64;

}  // namespace

std::optional<Trust::Trusted> Trust::receive(Now now, const proto::SyncHeader& header,
                                             const Received& datagram, const proto::SyncPacket& packet,
                                             Outputs& out) {
  Newcomer* newcomer = newcomers_.note(header.node_id, header.incarnation, random_nonce(prng_), now.mono_us);
  if (newcomer == nullptr) {
    ++stats_.dropped_untrusted;
    return std::nullopt;
  }
  if (const auto* echo = std::get_if<proto::ChallengeEcho>(&packet)) {
    if (const auto* reached = newcomer->reached_at(*echo, datagram.from, now.mono_us)) {
      const Newcomer::Challenged at = *reached;
      Member* member = members_.find(header.node_id);
      const bool other_run = member != nullptr && member->incarnation() != header.incarnation;
      const int64_t started_us = now.mono_us - echo->uptime_ms * 1000;
      if (other_run && member->liveness(now.mono_us) != Liveness::down &&
          !namesakes_.claim(now, *member, {header.incarnation, at.at, started_us}, out)) {
        ++dropped_refused_;
        newcomer->next_claim_us = Namesakes::next_claim_us(*member, now.mono_us);
        return std::nullopt;
      }
      Newcomer proven = std::move(*newcomer);
      newcomers_.erase(header.node_id, header.incarnation);
      if (member == nullptr || other_run) {
        member = admit(now, header, at.at, *echo, proven, out);
        if (member == nullptr) return std::nullopt;
      }
      return Trusted{*member, at.at, now.mono_us - at.last_us, std::move(proven.said)};
    }
  }
  ++(is_stale(header, now) ? stats_.dropped_stale : stats_.dropped_untrusted);
  // Its deltas count as missing from the first packet we hear: they are asked for once it is trusted.
  std::optional<uint64_t> base;
  if (const auto* heartbeat = std::get_if<proto::Heartbeat>(&packet)) {
    base = heartbeat->delta_sequence;
    if (!newcomer->said || newcomer->said->sequence < header.sequence) {
      newcomer->said = {header.sequence, datagram.from, datagram.group, *heartbeat};
    }
  }
  if (header.stream == proto::SyncStream::deltas) base = header.sequence - 1;
  if (base) newcomer->base = std::min(*base, newcomer->base.value_or(*base));

  if (newcomer->is_newest(header.stream, header.sequence)) {
    challenge(now, header.incarnation, *newcomer, datagram.from, out);
  }
  // It cannot trust us before we have answered, nor can we trust it: so one of the two must answer a
  // stranger.
  if (const auto* challenge = std::get_if<proto::Challenge>(&packet);
      challenge && challenges_.is_for_us(*challenge) && now.mono_us >= newcomer->next_echo_us) {
    newcomer->next_echo_us = now.mono_us + Newcomers::kEveryUs;
    challenges_.receive_unproven(now, *challenge, datagram.from, out);
  }
  return std::nullopt;
}

void Trust::challenge(Now now, uint64_t incarnation, Newcomer& newcomer, const common::Endpoint& at,
                      Outputs& out) {
  Newcomer::Challenged* turn = newcomer.turn_of(at, now.mono_us);
  if (turn == nullptr || !challenges_.spend(now, at)) return;
  if (now.mono_us - newcomer.secret_us >= Newcomer::kSecretUs) {
    newcomer.secret = random_nonce(prng_);
    newcomer.secret_us = now.mono_us;
  }
  turn->last_us = now.mono_us;
  turn->next_us = now.mono_us + Newcomers::kEveryUs;
  challenges_.send(incarnation, newcomer.secret, at, out);
}

void Trust::challenge_again(Now now, Outputs& out) {
  for (auto& [id_and_incarnation, newcomer] : newcomers_.all()) {
    if (now.mono_us - newcomer.heard_us >= kAgainUs) continue;
    for (size_t i = 0; i < newcomer.challenged.size(); ++i) {
      const common::Endpoint at = newcomer.challenged[i].at;
      challenge(now, id_and_incarnation.second, newcomer, at, out);
    }
  }
}

// Late, of a run that has been succeeded; unless it proves itself.
bool Trust::is_stale(const proto::SyncHeader& header, Now now) {
  const Member* member = members_.find(header.node_id);
  return member != nullptr && header.incarnation < member->incarnation() &&
         member->liveness(now.mono_us) == Liveness::alive;
}

bool Trust::unanswered(const common::Endpoint& from, int64_t before_us) const {
  return std::any_of(newcomers_.all().begin(), newcomers_.all().end(), [&](const auto& entry) {
    return entry.second.is_challenged_at(from) && entry.second.first_us < before_us;
  });
}

Member* Trust::admit(Now now, const proto::SyncHeader& header, const common::Endpoint& at,
                     const proto::ChallengeEcho& echo, const Newcomer& newcomer, Outputs& out) {
  if (Member* last_run = members_.find(header.node_id)) streams_.end(now, *last_run, out);
  Member* member = members_.admit(header.node_id, header.incarnation, at, now.mono_us);
  if (member == nullptr) {
    ++dropped_refused_;
    complaints_.log(now, Complaint::table_full,
                    "the cluster has more members than this node can hold; a new one is refused", at, out);
    return nullptr;
  }
  member->set_started(now.mono_us - echo.uptime_ms * 1000);
  // From a node that has just started, after us, we want everything. From an older one we want what it sends
  // from now on: the rest has to be pulled, since nobody keeps those packets any more.
  const bool younger = echo.uptime_ms < std::min(identity_.uptime_ms(now), RetransmitRing::kKeepUs / 1000);
  const uint64_t least = echo.delta_sequence - std::min(echo.delta_sequence, kDeltasBefore);
  const uint64_t heard = std::max(least, newcomer.base.value_or(echo.delta_sequence));
  const uint64_t base = younger ? 0 : std::min(echo.delta_sequence, heard);
  streams_.begin(*member, base);
  // What it sent before may have been recorded, and could only be replayed.
  member->window(proto::SyncStream::deltas).begin(base);
  member->window(proto::SyncStream::control)
      .begin(header.sequence > kControlBefore ? header.sequence - kControlBefore : 0);
  return member;
}

}  // namespace shoal::sync
