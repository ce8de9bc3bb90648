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

// The same of info_hashes.
constexpr size_t kHashesPerRound = 4 * proto::kHashesMax;

// A node that has left may answer for this long.
constexpr int64_t kAskLeaverUs = 5'000'000;

bool answers(const Member& member, int64_t now_us) {
  if (member.refused()) return false;
  return member.liveness(now_us) != Liveness::down || now_us - member.heard_us() < kAskLeaverUs;
}

}  // namespace

void DeltaReceiver::receive(const Arrival& arrival, const proto::DeltaBatch& batch, Outputs&) {
  if (!takes(arrival.now, batch.peer_timeout_s, batch.sent_unix_ms)) return;
  merge(arrival.now, arrival.member.stream.mine(), batch.deltas, batch.sent_unix_ms);
}

void DeltaReceiver::receive(const Arrival& arrival, const proto::NumberedBatch& batch, Outputs&) {
  if (!identity_.numbered || !takes(arrival.now, batch.peer_timeout_s, batch.sent_unix_ms)) return;
  MemberStream& stream = arrival.member.stream.mine();
  std::vector<proto::Delta> known;
  known.reserve(batch.deltas.size());
  std::vector<DeltasAside::Kept> told;
  uint64_t learnt = 0;
  for (size_t i = 0; i < batch.deltas.size(); ++i) {
    const uint64_t number = batch.numbers[i];
    known.push_back(batch.deltas[i]);
    if (number >= batch.first_told) {
      if (number != learnt) learn(stream, number, batch.deltas[i].info_hash, told);
      learnt = number;
    } else if (const common::InfoHash* info_hash = stream.heard.find(number)) {
      known.back().info_hash = *info_hash;
    } else {
      known.pop_back();
      if (stream.aside.empty()) stream.whole_up_to = stream.gaps.contiguous();
      if (!stream.aside.keep(number, {batch.deltas[i], batch.sent_unix_ms}, arrival.now.mono_us)) {
        ++stats_.dropped_aside;
        continue;
      }
      stream.whole_up_to = std::min(stream.whole_up_to, arrival.header.sequence - 1);
      ++stats_.deltas_aside;
    }
  }
  merge(arrival.now, stream, known, batch.sent_unix_ms);
  merge_told(arrival.now, stream, told);
}

void DeltaReceiver::receive(const Arrival& arrival, const proto::Hashes& hashes, Outputs&) {
  MemberStream& stream = arrival.member.stream.mine();
  std::vector<DeltasAside::Kept> told;
  for (const auto& [number, info_hash] : hashes.hashes) learn(stream, number, info_hash, told);
  merge_told(arrival.now, stream, told);
  stats_.dropped_aside += stream.aside.drop_before(hashes.oldest);
}

void DeltaReceiver::learn(MemberStream& stream, uint64_t number, const common::InfoHash& info_hash,
                          std::vector<DeltasAside::Kept>& told) {
  stream.heard.learn(number, info_hash);
  for (DeltasAside::Kept& kept : stream.aside.take(number)) {
    kept.delta.info_hash = info_hash;
    told.push_back(kept);
  }
}

void DeltaReceiver::merge(Now now, MemberStream& stream, std::span<const proto::Delta> deltas,
                          int64_t sent_unix_ms) {
  if (deltas.empty()) return;
  apply(now, stream, deltas);
  if (sent_unix_ms == 0) return;
  const int64_t lag_ms = lag_of(now, sent_unix_ms);
  stats_.lag.add(lag_ms, deltas.size());
  smooth_lag(stream, lag_ms);
}

void DeltaReceiver::merge_told(Now now, MemberStream& stream, const std::vector<DeltasAside::Kept>& told) {
  std::vector<proto::Delta> deltas;
  deltas.reserve(told.size());
  int64_t lags = 0;
  int64_t lags_ms = 0;
  for (const DeltasAside::Kept& kept : told) {
    // It may have waited for long.
    if (!stamps_readable(now, kept.sent_unix_ms)) {
      ++stats_.dropped_aside;
      continue;
    }
    deltas.push_back(kept.delta);
    if (kept.sent_unix_ms == 0) continue;
    const int64_t lag_ms = lag_of(now, kept.sent_unix_ms);
    stats_.lag.add(lag_ms, 1);
    lags_ms += lag_ms;
    ++lags;
  }
  if (!deltas.empty()) apply(now, stream, deltas);
  // As of one packet, like any other that comes.
  if (lags > 0) smooth_lag(stream, lags_ms / lags);
}

void DeltaReceiver::smooth_lag(MemberStream& stream, int64_t lag_ms) {
  stream.lag_us += (lag_ms * 1000 - stream.lag_us) / kLagSmoothing;
}

void DeltaReceiver::apply(Now now, MemberStream& stream, std::span<const proto::Delta> deltas) {
  stats_.deltas_received += deltas.size();
  stream.deltas_received += deltas.size();
  stats_.deltas_applied += swarms_.merge(deltas, clock_.tick(now));
}

int64_t DeltaReceiver::lag_of(Now now, int64_t sent_unix_ms) const {
  // Clocks that differ a little may make it negative.
  return std::max<int64_t>(clock_.at_ms(now) - sent_unix_ms, 0);
}

bool DeltaReceiver::takes(Now now, uint32_t peer_timeout_s, int64_t sent_unix_ms) {
  // Stamps counted by another tick length are meaningless here. The batch says its own, so that it need not
  // wait for a heartbeat.
  if (peer_timeout_s != identity_.peer_timeout_s) {
    ++dropped_refused_;
    return false;
  }
  if (!stamps_readable(now, sent_unix_ms)) {
    ++stats_.dropped_late;
    return false;
  }
  return true;
}

// Stamps count modulo 256: those of a packet that was delayed for an hour, or recorded then, would be read as
// current.
bool DeltaReceiver::stamps_readable(Now now, int64_t sent_unix_ms) const {
  if (sent_unix_ms == 0) return true;
  const int64_t age_ms = clock_.at_ms(now) - sent_unix_ms;
  const int64_t tolerance_ms = clock_.time().tolerance_ms();
  return age_ms <= kInFlightMaxMs + tolerance_ms && age_ms >= -(kAheadMaxMs + 2 * tolerance_ms);
}

uint64_t DeltaReceiver::merged_up_to(const Member& member) {
  const MemberStream& stream = *member.stream;
  return stream.aside.empty() ? stream.gaps.contiguous()
                              : std::min(stream.whole_up_to, stream.gaps.contiguous());
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
  MemberStream& stream = member.stream.mine();
  stream.gaps.give_up(proto::kSyncSequenceMax);
  stats_.dropped_aside += stream.aside.drop_all();
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
  ask_hashes(now, member, out);
  count_losses(now, member, out);
}

void DeltaReceiver::ask_hashes(Now now, Member& member, Outputs& out) {
  MemberStream& stream = member.stream.mine();
  if (now.mono_us < stream.aside.deadline_us() || now.mono_us < stream.ask_from_us) return;
  const std::vector<uint64_t> due =
      stream.aside.claim_due(now.mono_us, std::max(kAskAgainUs, 2 * member.round_trip_us()), kHashesPerRound);
  for (size_t at = 0; at < due.size(); at += proto::kHashesMax) {
    const auto begin = due.begin() + static_cast<ptrdiff_t>(at);
    const auto end = begin + static_cast<ptrdiff_t>(std::min(proto::kHashesMax, due.size() - at));
    sender_.send(member.address(), proto::HashesAsk{member.incarnation(), {begin, end}}, out);
    stats_.hashes_asked += static_cast<uint64_t>(end - begin);
  }
}

int64_t DeltaReceiver::request_us(const Member& member, int64_t now_us) {
  if (!answers(member, now_us)) return Gaps::kNever;
  const MemberStream& stream = *member.stream;
  return std::min(std::max(stream.gaps.deadline_us(), stream.next_nack_us),
                  std::max(stream.aside.deadline_us(), stream.ask_from_us));
}

void DeltaReceiver::sample(Now now, Member& member, size_t members) {
  MemberStream& stream = member.stream.mine();
  stats_.dropped_aside += stream.aside.drop_older(now.mono_us);
  stream.gaps.share_with(members);
  stream.heard.share_with(members);
  stream.aside.share_with(members);
  stream.loss.sample(stream.gaps.sent(), stream.gaps.late());
}

void DeltaReceiver::request_from(Member& member, int64_t us) {
  MemberStream& stream = member.stream.mine();
  stream.next_nack_us = std::max(stream.next_nack_us, us);
  stream.ask_from_us = std::max(stream.ask_from_us, us);
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
