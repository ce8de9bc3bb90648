// Repair of the delta streams, first line: asking origins for the packets that have not come, and sending
// again what others ask of us.

#include <algorithm>

#include "sync/cluster_impl.h"

namespace shoal::sync {

namespace {

// Nacks to one member are at least this far apart, and gaps that will be due within it wait for the next.
constexpr int64_t kNackEveryUs = 20'000;
constexpr int64_t kAskAgainUs = 50'000;

// Of one round to one member. More would wait in the origin's queue anyway.
constexpr size_t kNackRangesPerRound = 4 * proto::kNackRangesMax;
constexpr uint64_t kNackPacketsPerRound = 1024;

// A node that left may answer for this long.
constexpr int64_t kAskLeaverUs = 5'000'000;

}  // namespace

bool Cluster::Impl::may_ask(const Member& member, int64_t now_us) const {
  if (!member.refused.empty()) return false;
  return member.state(now_us) != MemberState::down || now_us - member.heard_us < kAskLeaverUs;
}

void Cluster::Impl::ask_again(Now now, Member& member, Outputs& out) {
  member.gaps.give_up_stale(now.mono_us);
  if (member.gaps.missing() == 0 || now.mono_us < member.next_nack_us ||
      now.mono_us < member.gaps.deadline_us()) {
    return;
  }
  const std::vector<proto::SequenceRange> due =
      member.gaps.take_due(now.mono_us, std::max(kAskAgainUs, 2 * member.round_trip_us()),
                           kNackRangesPerRound, kNackPacketsPerRound);
  for (size_t at = 0; at < due.size(); at += proto::kNackRangesMax) {
    const size_t count = std::min(proto::kNackRangesMax, due.size() - at);
    const auto begin = due.begin() + static_cast<ptrdiff_t>(at);
    send_control(member.address,
                 proto::Nack{member.incarnation, {begin, begin + static_cast<ptrdiff_t>(count)}}, out);
    ++stats.nacks_sent;
    ++member.nacks_sent;
  }
  member.next_nack_us = now.mono_us + kNackEveryUs;
}

void Cluster::Impl::apply_nack(Now now, Member& member, const proto::Nack& nack, Outputs& out) {
  if (nack.incarnation != config.incarnation || !member.refused.empty()) return;
  ++stats.nacks_received;
  ring.forget_old(now.mono_us);
  for (const proto::SequenceRange& range : nack.ranges) {
    const uint64_t last = std::min(range.last, ring.next() - 1);
    for (uint64_t sequence = std::max(range.first, ring.first()); sequence <= last; ++sequence) {
      if (member.asked.size() >= Member::kAskedMax) {
        stats.dropped_repair += last - sequence + 1;  // it will ask again
        break;
      }
      member.asked.insert(member.asked.end(), sequence);
    }
  }
  const bool gone = nack.ranges.front().first < ring.first();
  if (gone && now.mono_us - member.told_gone_us >= member.round_trip_us()) {
    member.told_gone_us = now.mono_us;
    send_control(member.address, proto::Gone{ring.first() - 1}, out);
  }
  send_again(now, member, out);
}

void Cluster::Impl::send_again(Now now, Member& member, Outputs& out) {
  member.repair_bucket.refill(now.mono_us);
  while (!member.asked.empty() && member.repair_bucket.open()) {
    RetransmitRing::Entry* entry = ring.find(*member.asked.begin());
    member.asked.erase(member.asked.begin());
    if (entry == nullptr) continue;  // too old by now; asked once more, it will be said to be gone
    // On its way already.
    if (entry->resent_to == member.id && now.mono_us - entry->resent_us < member.round_trip_us()) continue;
    entry->resent_to = member.id;
    entry->resent_us = now.mono_us;
    member.repair_bucket.take(static_cast<int64_t>(entry->packet->size()));
    ++stats.packets_resent;
    send(member, entry->packet, out);
  }
}

void Cluster::Impl::apply_gone(Now now, Member& member, const proto::Gone& gone, Outputs& out) {
  member.gaps.give_up(gone.up_to);
  note_losses(now, member, out);
}

void Cluster::Impl::note_losses(Now now, Member& member, Outputs& out) {
  if (member.gaps.lost() == member.told_lost) return;
  const uint64_t count = member.gaps.lost() - member.told_lost;
  member.told_lost = member.gaps.lost();
  stats.packets_lost += count;
  complain(now, Complaint::lost,
           "delta packets of member " + display_name(member) +
               " are lost beyond resending: " + std::to_string(count),
           member.address, out);
}

void Cluster::Impl::repair_streams(Now now, Outputs& out) {
  repair_deadline_us = Gaps::kNever;
  for (auto& [member_id, member] : members.all()) {
    if (may_ask(member, now.mono_us)) {
      ask_again(now, member, out);
      note_losses(now, member, out);
    }
    send_again(now, member, out);
    plan_repair(now, member);
  }
}

void Cluster::Impl::plan_repair(Now now, const Member& member) {
  if (may_ask(member, now.mono_us)) {
    repair_deadline_us =
        std::min(repair_deadline_us, std::max(member.gaps.deadline_us(), member.next_nack_us));
  }
  if (!member.asked.empty()) {
    repair_deadline_us = std::min(repair_deadline_us, member.repair_bucket.open_us());
  }
}

void Cluster::Impl::send_control(const common::Endpoint& to, const proto::SyncPacket& packet, Outputs& out) {
  send(to, sealer.seal(proto::SyncStream::control, proto::encode_sync_packet(packet)), out);
}

}  // namespace shoal::sync
