// Leaving: the last that a node says, and how it knows that it has been heard.

#include <algorithm>

#include "sync/cluster_impl.h"

namespace shoal::sync {

namespace {

// A Leave is answered at once; what was lost of the two is made good by the next.
constexpr int64_t kLeaveEveryUs = 50'000;

}  // namespace

void Cluster::Impl::leave(Now now, Outputs& out) {
  if (left) return;
  // Now or never, whatever the pace.
  if (!anyone_listening(now)) stats.dropped_alone += log.discard();
  while (log.waiting() > 0) send_batch(now, DeltaLog::kBatchMax, out);
  left = true;
  if (pull != nullptr) {
    out.pull_aborts.push_back(pull->purpose().number);
    pull.reset();
  }
  plan_pulls(now);
  send_leave(now, out);
}

bool Cluster::Impl::to_be_told(const Member& member, int64_t now_us) const {
  return !member.knows_we_left && !member.left && member.refused.empty() &&
         member.state(now_us) != MemberState::down;
}

bool Cluster::Impl::left_in_order(Now now) const {
  return left && std::none_of(members.all().begin(), members.all().end(),
                              [&](const auto& entry) { return to_be_told(entry.second, now.mono_us); });
}

void Cluster::Impl::send_leave(Now now, Outputs& out) {
  next_heartbeat_us = Gaps::kNever;
  if (left_in_order(now)) return;
  next_heartbeat_us = now.mono_us + kLeaveEveryUs;
  const proto::Leave leave{sealer.sequence(proto::SyncStream::deltas)};
  const SealedPacket packet = sealer.seal(proto::SyncStream::control, proto::encode_sync_packet(leave));
  for (const auto& [member_id, member] : members.all()) {
    if (to_be_told(member, now.mono_us)) send(member.address, packet, out);
  }
}

void Cluster::Impl::apply_leave(Now now, Member& member, const proto::Leave& leave, Outputs& out) {
  member.gaps.announced(leave.delta_sequence, now.mono_us);
  if (!member.left) {
    member.left = true;
    member.told_state = MemberState::down;
    out.logs.push_back({common::LogLevel::info, "member left", {{"member", display_name(member)}}});
  }
  // It goes once it hears from us that we know, and up to where we have what it told.
  send_control(member.address, make_heartbeat(now, member.id), out);
}

}  // namespace shoal::sync
