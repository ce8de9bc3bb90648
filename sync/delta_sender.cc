#include "sync/delta_sender.h"

#include <algorithm>
#include <iterator>
#include <vector>

namespace shoal::sync {

namespace {

// After this long the workers' queues no longer hold deltas from before a stall.
constexpr int64_t kDrainedAfterUs = 200'000;

// The size of a delta where the pace is short, and the fewest that are worth a packet.
constexpr int64_t kDeltaBytesTypical = 24;
constexpr size_t kBatchLeast = 64;

// Of one Nack: more than a receiver asks for at a time.
constexpr size_t kNackPacketsMax = 1024;

}  // namespace

DeltaSender::DeltaSender(const Identity& identity, Sender& sender, Membership& members, const Clock& clock,
                         const StoreTicks& swarms, const common::SipKey& hashes_key)
    : identity_(identity),
      sender_(sender),
      members_(members),
      clock_(clock),
      swarms_(swarms),
      log_(identity.peer_timeout_s),
      told_(hashes_key) {}

void DeltaSender::set_pace(int64_t pace_bytes_per_s) {
  for (auto& [id, member] : members_.all()) {
    member.resend.mine().bucket = resend_bucket(pace_bytes_per_s);
    member.resend.mine().hashes = hashes_bucket(pace_bytes_per_s);
  }
}

void DeltaSender::publish(Now now, std::span<const proto::OwnDelta> deltas, Outputs& out) {
  stats_.deltas_published += deltas.size();
  if (now.mono_us < dropping_until_us_) {
    stats_.dropped_unsent += deltas.size();
    return;
  }
  std::vector<proto::OwnDelta> without_web;
  const auto is_web = [](const proto::OwnDelta& own) { return own.delta.peer.family == common::Family::web; };
  if (std::any_of(deltas.begin(), deltas.end(), is_web) && !all_take_web(now)) {
    std::remove_copy_if(deltas.begin(), deltas.end(), std::back_inserter(without_web), is_web);
    web_deltas_kept_ += deltas.size() - without_web.size();
    deltas = without_web;
  }
  std::vector<proto::OwnDelta> restamped;
  if (swarms_.ahead() != 0) {
    restamped.assign(deltas.begin(), deltas.end());
    for (proto::OwnDelta& own : restamped) own.delta.stamp = swarms_.to_cluster(own.delta.stamp);
    deltas = restamped;
  }
  while (!deltas.empty()) {
    const std::span<const proto::OwnDelta> part = deltas.first(std::min(deltas.size(), DeltaLog::kBatchMax));
    deltas = deltas.subspan(part.size());
    stats_.dropped_pace += log_.add(part, now.mono_us);
    if (log_.waiting() >= DeltaLog::kBatchMax) flush(now, out);
  }
}

// A member of a version without web peers would take a packet of nothing else for damaged.
bool DeltaSender::all_take_web(Now now) const {
  return std::none_of(members_.all().begin(), members_.all().end(), [now](const auto& entry) {
    const Member& member = entry.second;
    return member.profile->introduced && !member.profile->web && !member.refused() &&
           member.may_hear_us(now.mono_us);
  });
}

// Nobody may have to guess: one whose first heartbeat has not come may be of a version that does not.
bool DeltaSender::all_read_numbers(Now now) const {
  return identity_.numbered &&
         std::all_of(members_.all().begin(), members_.all().end(), [now](const auto& entry) {
           const Member& member = entry.second;
           return member.profile->numbered || member.refused() || !member.may_hear_us(now.mono_us);
         });
}

void DeltaSender::flush(Now now, Outputs& out) {
  // Without a listener the sequence must not advance: the first one to join would see a gap.
  if (!sender_.anyone_listening(now)) {
    stats_.dropped_alone += log_.discard();
    return;
  }
  while (log_.waiting() > 0 && now.mono_us >= paced_until_us_) {
    const Sender::Allowance allowance = sender_.allowance(now);
    paced_until_us_ = std::max(paced_until_us_, allowance.blocked_until_us.value_or(kLongAgoUs));
    if (now.mono_us < paced_until_us_) return;
    const auto affordable = static_cast<size_t>(allowance.bytes / kDeltaBytesTypical);
    send_batch(now, std::clamp(affordable, kBatchLeast, DeltaLog::kBatchMax), out);
  }
}

void DeltaSender::flush_all(Now now, Outputs& out) {
  if (!sender_.anyone_listening(now)) stats_.dropped_alone += log_.discard();
  while (log_.waiting() > 0) send_batch(now, DeltaLog::kBatchMax, out);
}

void DeltaSender::send_batch(Now now, size_t deltas_max, Outputs& out) {
  const int64_t sent_unix_ms = std::max<int64_t>(clock_.at_ms(now), 0);
  ToldHashes* told = all_read_numbers(now) ? &told_ : nullptr;
  told_.share_with(members_.all().size());
  told_.settle(now.mono_us);
  for (const std::vector<uint8_t>& body : log_.flush(clock_.tick(now), deltas_max, sent_unix_ms, told)) {
    const SealedPacket packet = sender_.seal(proto::SyncStream::deltas, body);
    ++stats_.delta_packets_sent;
    ring_.add(sender_.delta_sequence(), packet, now.mono_us);
    sender_.broadcast_deltas(now, packet, out);
  }
}

void DeltaSender::forget_unsent() {
  stats_.dropped_unsent += log_.discard();
  ring_.clear();
}

void DeltaSender::forget_stalled(Now now) {
  forget_unsent();
  dropping_until_us_ = now.mono_us + kDrainedAfterUs;
}

void DeltaSender::receive(const Arrival& arrival, const proto::Nack& nack, Outputs& out) {
  Member& member = arrival.member;
  const Now now = arrival.now;
  if (nack.incarnation != identity_.incarnation || member.refused()) return;
  ++stats_.nacks_received;
  ring_.forget_old(now.mono_us);
  MemberResend& state = member.resend.mine();
  size_t looked = 0;
  for (const proto::SequenceRange& range : nack.ranges) {
    const uint64_t last = std::min(range.last, ring_.next() - 1);
    for (uint64_t sequence = std::max(range.first, ring_.first()); sequence <= last; ++sequence) {
      if (state.asked.size() >= MemberResend::kAskedMax || ++looked > kNackPacketsMax) {
        dropped_repair_ += last - sequence + 1;  // it will ask again
        break;
      }
      state.asked.insert(state.asked.end(), sequence);
    }
  }
  const bool gone = nack.ranges.front().first < ring_.first();
  if (gone && now.mono_us - state.gone_sent_us >= member.round_trip_us()) {
    state.gone_sent_us = now.mono_us;
    sender_.send(member.address(), proto::Gone{ring_.first() - 1}, out);
  }
  resend(now, member, out);
}

void DeltaSender::receive(const Arrival& arrival, const proto::HashesAsk& ask, Outputs& out) {
  Member& member = arrival.member;
  if (!identity_.numbered || ask.incarnation != identity_.incarnation || member.refused()) return;
  TokenBucket& bucket = member.resend.mine().hashes;
  bucket.refill(arrival.now.mono_us);
  if (!bucket.open()) {
    ++dropped_repair_;  // it will ask again
    return;
  }
  proto::Hashes answer{told_.oldest(), {}};
  for (const uint64_t number : ask.numbers) {
    const common::InfoHash* info_hash = told_.find(number);
    if (info_hash != nullptr) answer.hashes.push_back({number, *info_hash});
  }
  stats_.hashes_told += answer.hashes.size();
  const SealedPacket packet = sender_.seal_control(answer);
  bucket.spend(static_cast<int64_t>(packet->size()));
  sender_.send_paced(member, packet, out);
}

void DeltaSender::resend(Now now, Member& member, Outputs& out) {
  MemberResend& state = member.resend.mine();
  state.bucket.refill(now.mono_us);
  while (!state.asked.empty() && state.bucket.open()) {
    RetransmitRing::Entry* entry = ring_.find(*state.asked.begin());
    state.asked.erase(state.asked.begin());
    if (entry == nullptr) continue;  // too old by now; if asked for again, the answer is Gone
    const bool in_flight =
        entry->resent_to == member.id() && now.mono_us - entry->resent_us < member.round_trip_us();
    if (in_flight) continue;
    entry->resent_to = member.id();
    entry->resent_us = now.mono_us;
    state.bucket.spend(static_cast<int64_t>(entry->packet->size()));
    ++stats_.packets_resent;
    sender_.send_paced(member, entry->packet, out);
  }
}

}  // namespace shoal::sync
