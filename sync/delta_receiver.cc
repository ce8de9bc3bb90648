#include "sync/delta_receiver.h"

#include <algorithm>
#include <string>
#include <vector>

#include "sync/retransmit_ring.h"

namespace shoal::sync {

namespace {

constexpr int64_t kLagSmoothing = 8;  // packets

// An origin resends for 30 s, and resending may be paced. Add how far clocks may be apart.
constexpr int64_t kInFlightMaxMs = RetransmitRing::kKeepUs / 1000 + 15'000;
constexpr int64_t kAheadMaxMs = 1'000;

// Nacks to one member are at least this far apart; gaps that become due meanwhile wait for the next.
constexpr int64_t kNackEveryUs = 20'000;
constexpr int64_t kAskAgainUs = 50'000;

// In one round to one member. More would wait in the origin's queue anyway.
constexpr size_t kNackRangesPerRound = 4 * proto::kNackRangesMax;
constexpr uint64_t kNackPacketsPerRound = 1024;

// A node that has left may answer for this long.
constexpr int64_t kAskLeaverUs = 5'000'000;

bool answers(const Member& member, int64_t now_us) {
  if (member.refused()) return false;
  return member.liveness(now_us) != Liveness::down || now_us - member.heard_us() < kAskLeaverUs;
}

}  // namespace

void DeltaReceiver::receive(const Arrival& arrival, const proto::DeltaBatch& batch, Outputs&) {
  const Now now = arrival.now;
  // Stamps counted by another tick length are meaningless here. The batch says its own, so that it need not
  // wait for a heartbeat.
  if (batch.peer_timeout_s != identity_.peer_timeout_s) {
    ++dropped_refused_;
    return;
  }
  if (!stamps_readable(now, batch)) {
    ++stats_.dropped_late;
    return;
  }
  MemberStream& stream = arrival.member.stream.mine();
  stats_.deltas_received += batch.deltas.size();
  stream.deltas_received += batch.deltas.size();
  stats_.deltas_applied += swarms_.merge(batch.deltas, clock_.tick(now));
  if (batch.sent_unix_ms == 0) return;
  // Clocks that differ a little may make it negative.
  const int64_t lag_ms = std::max<int64_t>(clock_.at_ms(now) - batch.sent_unix_ms, 0);
  stats_.lag.add(lag_ms, batch.deltas.size());
  stream.lag_us += (lag_ms * 1000 - stream.lag_us) / kLagSmoothing;
}

// Stamps count modulo 256: those of a packet that was delayed for an hour, or recorded then, would be read as
// current.
bool DeltaReceiver::stamps_readable(Now now, const proto::DeltaBatch& batch) const {
  if (batch.sent_unix_ms == 0) return true;
  const int64_t age_ms = clock_.at_ms(now) - batch.sent_unix_ms;
  const int64_t tolerance_ms = clock_.time().tolerance_ms();
  return age_ms <= kInFlightMaxMs + tolerance_ms && age_ms >= -(kAheadMaxMs + 2 * tolerance_ms);
}

void DeltaReceiver::receive(const Arrival& arrival, const proto::Gone& gone, Outputs& out) {
  arrival.member.stream.mine().gaps.give_up(gone.up_to);
  count_losses(arrival.now, arrival.member, out);
}

void DeltaReceiver::begin(Member& member, uint64_t base) { member.stream.mine().gaps.begin(base); }

void DeltaReceiver::announced(Now now, Member& member, uint64_t sequence) {
  member.stream.mine().gaps.announced(sequence, now.mono_us);
}

void DeltaReceiver::arrived(Now now, Member& member, uint64_t sequence, Outputs& out) {
  Gaps& gaps = member.stream.mine().gaps;
  gaps.seen(sequence, now.mono_us);
  gaps.give_up(member.window(proto::SyncStream::deltas).left_behind());
  count_losses(now, member, out);
}

void DeltaReceiver::end(Now now, Member& member, Outputs& out) {
  member.stream.mine().gaps.give_up(proto::kSyncSequenceMax);
  count_losses(now, member, out);
}

void DeltaReceiver::request_missing(Now now, Member& member, Outputs& out) {
  if (!answers(member, now.mono_us)) return;
  MemberStream& stream = member.stream.mine();
  stream.gaps.give_up_stale(now.mono_us);
  if (stream.gaps.missing() > 0 && now.mono_us >= stream.next_nack_us &&
      now.mono_us >= stream.gaps.deadline_us()) {
    const std::vector<proto::SequenceRange> due =
        stream.gaps.claim_due(now.mono_us, std::max(kAskAgainUs, 2 * member.round_trip_us()),
                              kNackRangesPerRound, kNackPacketsPerRound);
    for (size_t at = 0; at < due.size(); at += proto::kNackRangesMax) {
      const size_t count = std::min(proto::kNackRangesMax, due.size() - at);
      const auto begin = due.begin() + static_cast<ptrdiff_t>(at);
      sender_.send(member.address(),
                   proto::Nack{member.incarnation(), {begin, begin + static_cast<ptrdiff_t>(count)}}, out);
      ++stats_.nacks_sent;
      ++stream.nacks_sent;
    }
    stream.next_nack_us = now.mono_us + kNackEveryUs;
  }
  count_losses(now, member, out);
}

int64_t DeltaReceiver::request_us(const Member& member, int64_t now_us) {
  if (!answers(member, now_us)) return Gaps::kNever;
  return std::max(member.stream->gaps.deadline_us(), member.stream->next_nack_us);
}

void DeltaReceiver::sample(Member& member, size_t members) {
  MemberStream& stream = member.stream.mine();
  stream.gaps.share_with(members);
  stream.loss.sample(stream.gaps.sent(), stream.gaps.late());
}

void DeltaReceiver::request_from(Member& member, int64_t us) {
  MemberStream& stream = member.stream.mine();
  stream.next_nack_us = std::max(stream.next_nack_us, us);
}

void DeltaReceiver::count_losses(Now now, Member& member, Outputs& out) {
  MemberStream& stream = member.stream.mine();
  if (stream.gaps.lost() == stream.handled_lost) return;
  const uint64_t count = stream.gaps.lost() - stream.handled_lost;
  stream.handled_lost = stream.gaps.lost();
  stats_.packets_lost += count;
  complaints_.log(now, Complaint::lost,
                  "delta packets of member " + member.display_name() +
                      " are lost beyond resending: " + std::to_string(count),
                  member.address(), out);
}

}  // namespace shoal::sync
