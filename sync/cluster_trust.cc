// Who is let in: a new incarnation is challenged, and becomes a member by its echo.

#include <algorithm>

#include "sync/address_nonce.h"
#include "sync/cluster_impl.h"

namespace shoal::sync {

namespace {

// Who was heard so lately is challenged again unasked: the challenge or its echo may have been lost.
constexpr int64_t kAgainUs = 3'000'000;

// Control packets that an echo may have overtaken.
constexpr uint64_t kControlBefore = 64;

}  // namespace

void Cluster::Impl::hear_newcomer(Now now, const proto::SyncHeader& header, const Received& datagram,
                                  const proto::SyncPacket& packet, Outputs& out) {
  Newcomer* newcomer = newcomers.note(header.node_id, header.incarnation, random_nonce(prng), now.mono_us);
  if (newcomer == nullptr) {
    ++stats.dropped_untrusted;
    return;
  }
  if (const auto* echo = std::get_if<proto::ChallengeEcho>(&packet)) {
    if (const auto at = newcomer->reached_at(*echo, datagram.from)) {
      const Newcomer proven = std::move(*newcomer);
      newcomers.erase(header.node_id, header.incarnation);
      return trust(now, header, datagram, *echo, proven, *at, out);
    }
  }
  ++stats.dropped_untrusted;
  // From the first we hear of it on, its deltas are ours to miss: they are asked for once it is trusted.
  std::optional<uint64_t> base;
  if (const auto* heartbeat = std::get_if<proto::Heartbeat>(&packet)) {
    base = heartbeat->delta_sequence;
    if (!newcomer->said || newcomer->said->sequence < header.sequence) {
      newcomer->said = {header.sequence, datagram.from, datagram.group, *heartbeat};
    }
  }
  if (header.stream == proto::SyncStream::deltas) base = header.sequence - 1;
  if (base) newcomer->base = std::min(*base, newcomer->base.value_or(*base));

  challenge(now, header.incarnation, *newcomer, datagram.from, out);
  // It cannot trust us before we have answered it, nor we it: so one of the two must answer unproven.
  if (const auto* challenge = std::get_if<proto::Challenge>(&packet);
      challenge && now.mono_us >= newcomer->next_echo_us) {
    newcomer->next_echo_us = now.mono_us + Newcomers::kEveryUs;
    answer_unproven(now, *challenge, datagram.from, out);
  }
}

void Cluster::Impl::challenge(Now now, uint64_t incarnation, Newcomer& newcomer, const common::Endpoint& at,
                              Outputs& out) {
  challenge_bucket.refill(now.mono_us);
  if (now.mono_us < newcomer.next_challenge_us || !challenge_bucket.open()) return;
  challenge_bucket.take(1);
  newcomer.challenged_us = now.mono_us;
  newcomer.challenged_at = at;
  newcomer.next_challenge_us = now.mono_us + Newcomers::kEveryUs;
  ++stats.challenges_sent;
  send_control(at, proto::Challenge{incarnation, nonce_at(newcomer.secret, at)}, out);
}

void Cluster::Impl::challenge_newcomers(Now now, Outputs& out) {
  for (auto& [id_and_incarnation, newcomer] : newcomers.all()) {
    if (!newcomer.challenged_at || now.mono_us - newcomer.heard_us >= kAgainUs) continue;
    challenge(now, id_and_incarnation.second, newcomer, *newcomer.challenged_at, out);
  }
}

void Cluster::Impl::answer_unproven(Now now, const proto::Challenge& challenge, const common::Endpoint& to,
                                    Outputs& out) {
  challenge_bucket.refill(now.mono_us);
  if (!challenge_bucket.open()) return;
  challenge_bucket.take(1);
  answer_challenge(now, challenge, to, out);
}

void Cluster::Impl::answer_challenge(Now now, const proto::Challenge& challenge, const common::Endpoint& to,
                                     Outputs& out) {
  // One posed to another run of ours, or to nobody, is a replay.
  if (challenge.incarnation != config.incarnation || left) return;
  send_control(to,
               proto::ChallengeEcho{challenge.nonce, sealer.sequence(proto::SyncStream::deltas),
                                    (now.mono_us - started_us) / 1000, time.at_ms(now.mono_us),
                                    time.told_wall_ahead_ms()},
               out);
}

void Cluster::Impl::trust(Now now, const proto::SyncHeader& header, const Received& datagram,
                          const proto::ChallengeEcho& echo, const Newcomer& newcomer,
                          const common::Endpoint& at, Outputs& out) {
  Member* member = members.find(header.node_id);
  if (member == nullptr || member->incarnation != header.incarnation) {
    member = admit(now, header, at, echo, newcomer, out);
    if (member == nullptr) return;
  }
  member->source = at;
  if (!member->advertises) member->address = at;
  const int64_t round_trip_us = now.mono_us - newcomer.challenged_us;
  member->measured_round_trip(round_trip_us);
  note_clock(now, *member, {echo.unix_ms, echo.wall_ahead_ms, echo.uptime_ms}, round_trip_us, out);
  member->gaps.announced(echo.delta_sequence, now.mono_us);
  member->heard_us = now.mono_us;
  member->control.mark(header.sequence);
  apply(now, *member, header, datagram, echo, out);
  if (newcomer.said && member->control.fresh(newcomer.said->sequence)) {
    proto::SyncHeader said = header;
    said.sequence = newcomer.said->sequence;
    member->control.mark(said.sequence);
    apply(now, *member, said, {newcomer.said->from, newcomer.said->group, {}}, newcomer.said->heartbeat, out);
  }
  plan_repair(now, *member);
  // New, or back after a silence: what has been missed of each other is soon found.
  member->repair.vain = 0;
  next_digests_us = std::min(next_digests_us, now.mono_us + kDigestsSoonUs);
  plan_pulls(now);
  greetings.push_back(member->address);
  send_greetings(now, out);
}

Member* Cluster::Impl::admit(Now now, const proto::SyncHeader& header, const common::Endpoint& at,
                             const proto::ChallengeEcho& echo, const Newcomer& newcomer, Outputs& out) {
  if (Member* last_run = members.find(header.node_id)) {
    last_run->gaps.give_up(proto::kSyncSequenceMax);  // nobody has the packets of a run that is over
    note_losses(now, *last_run, out);
  }
  Member* member = members.admit(header.node_id, header.incarnation, at, now.mono_us);
  if (member == nullptr) {
    ++stats.dropped_refused;
    complain(now, Complaint::table_full,
             "the cluster has more members than this node can hold; a new one is refused", at, out);
    return nullptr;
  }
  // Of one that has just started, after us, we want everything; of an older one what it sends from now on:
  // what was before is to be pulled, and nobody keeps its packets any more.
  const bool younger =
      echo.uptime_ms < std::min((now.mono_us - started_us) / 1000, RetransmitRing::kKeepUs / 1000);
  const uint64_t base =
      younger ? 0 : std::min(echo.delta_sequence, newcomer.base.value_or(echo.delta_sequence));
  member->gaps.begin(base);
  // What it sent before may have been recorded, and comes from nobody but who plays it again.
  member->deltas.begin(base);
  member->control.begin(header.sequence > kControlBefore ? header.sequence - kControlBefore : 0);
  return member;
}

}  // namespace shoal::sync
