// From a node that has just started to one that holds what the cluster holds: wait for a member that is
// synced, pull everything from the nearest, compare digests with all, be synced. Nodes that all have just
// started wait only so long for each other.

#include <algorithm>

#include "sync/cluster_impl.h"

namespace shoal::sync {

namespace {

using common::LogLevel;

// No member that could give has been heard for so long: there is none. Nodes that are named in sync.peers and
// have not answered get longer.
constexpr int64_t kAloneUs = 3'000'000;
constexpr int64_t kAloneNamedUs = 15'000'000;

// Addresses that were named to us in the last seconds, and where nobody has been met.
constexpr int64_t kNamedLatelyUs = 5'000'000;

// Between looks at what changes by itself, in phases that do not last.
constexpr int64_t kLookUs = 100'000;

}  // namespace

void Cluster::Impl::advance_pulls(Now now, Outputs& out) {
  desk->time_offset_ms = time.offset_ms();
  if (pull != nullptr && now.mono_us >= pull->deadline_us()) {
    out.pull_aborts.push_back(pull->purpose().number);
    end_pull(now, false, "the donor has been silent for too long", out);
  }
  for (auto& [member_id, member] : members.all()) {
    if (member.repair.cells_due_us != 0 && now.mono_us >= member.repair.cells_due_us) {
      pull_cells(now, member, out);
    }
  }
  if (phase == SyncPhase::waiting) advance_waiting(now, out);
  if (phase == SyncPhase::checking) advance_checking(now, out);
  if (now.mono_us >= next_digests_us) {
    const bool hurry = phase == SyncPhase::checking || anyone_differs(now.mono_us);
    const int64_t period_us = hurry ? kDigestsSoonUs : kDigestsUs;
    next_digests_us = now.mono_us + period_us * 9 / 10 + prng.below(static_cast<uint32_t>(period_us / 5));
    if (phase == SyncPhase::checking || phase == SyncPhase::synced) tell_digests(now, out);
  }
  plan_pulls(now);
}

void Cluster::Impl::plan_pulls(Now now) {
  pulls_deadline_us = left ? Gaps::kNever : next_digests_us;
  const auto no_later = [this](int64_t us) { pulls_deadline_us = std::min(pulls_deadline_us, us); };
  if (pull != nullptr) no_later(pull->deadline_us());
  for (const auto& [member_id, member] : members.all()) {
    if (member.repair.cells_due_us != 0) no_later(member.repair.cells_due_us);
  }
  if (phase == SyncPhase::waiting || phase == SyncPhase::checking) no_later(now.mono_us + kLookUs);
  pulls_deadline_us = std::max(pulls_deadline_us, now.mono_us + 1);
}

void Cluster::Impl::advance_waiting(Now now, Outputs& out) {
  Member* nearest = nullptr;
  bool hope = false;
  for (auto& [member_id, member] : members.all()) {
    if (!member.refused.empty() || member.state(now.mono_us) != MemberState::alive || !member.repair.synced) {
      continue;
    }
    hope = true;
    if (!may_pull_from(member, now.mono_us)) continue;
    if (nearest == nullptr || member.round_trip_us() < nearest->round_trip_us()) nearest = &member;
  }
  if (hope) alone_since_us = now.mono_us;
  if (nearest != nullptr && now.mono_us - started_us >= kLookUs) {
    if (!snapshot_ready(out)) return;
    phase = SyncPhase::bootstrapping;
    return begin_pull(now, *nearest, {}, {}, out);
  }
  const bool expected = config.peers_named && !seeds_answered(now.mono_us);
  if (!hope && now.mono_us - alone_since_us >= (expected ? kAloneNamedUs : kAloneUs)) {
    if (!snapshot_ready(out)) return;
    alone = true;
    return become_synced(LogLevel::info, "no other member to pull from; serving with what is here", out);
  }
  if (now.mono_us >= bootstrap_until_us) {
    if (!snapshot_ready(out)) return;
    become_synced(
        LogLevel::error,
        "no member could be pulled from; serving with what is here. Does TCP pass to their sync.listen?",
        out);
  }
}

bool Cluster::Impl::snapshot_ready(Outputs& out) {
  if (snapshot == SnapshotState::held) {
    snapshot = SnapshotState::loading;
    out.load_snapshot = true;
  }
  return snapshot == SnapshotState::merged;
}

bool Cluster::Impl::seeds_answered(int64_t now_us) const {
  return !seeds.empty() && std::all_of(seeds.begin(), seeds.end(), [&](const common::Endpoint& seed) {
    return seed == config.advertise || own_seeds.contains(seed) || members.covers(seed, now_us);
  });
}

void Cluster::Impl::begin_waiting(Now now) {
  phase = SyncPhase::waiting;
  alone = false;
  waiting_since_us = alone_since_us = now.mono_us;
  bootstrap_until_us = now.mono_us + kBootstrapMaxUs;
  plan_pulls(now);
}

void Cluster::Impl::begin_checking(Now now) {
  phase = SyncPhase::checking;
  check_until_us = now.mono_us + kCheckMaxUs;
  next_digests_us = now.mono_us;
  for (auto& [member_id, member] : members.all()) {
    member.repair.forget();
    member.repair.comparisons = 0;
    member.repair.compared_us = now.mono_us;  // what waits in the receive buffer was true once
  }
  plan_pulls(now);
}

void Cluster::Impl::note_met(Now now, const Member& member, int64_t uptime_ms, Outputs& out) {
  const bool older = uptime_ms > (now.mono_us - started_us) / 1000;
  if (!alone || left || phase != SyncPhase::synced || !older || !member.repair.synced ||
      !member.refused.empty()) {
    return;
  }
  begin_waiting(now);
  out.logs.push_back(
      {LogLevel::warn,
       "this node served alone, and now meets a member that has run for longer: not ready until "
       "everything is pulled",
       {{"member", display_name(member)}}});
}

bool Cluster::Impl::all_met(int64_t now_us) const {
  const auto& contacts = members.contacts();
  const bool named = std::any_of(contacts.begin(), contacts.end(), [&](const auto& contact) {
    return now_us - contact.second < kNamedLatelyUs && !members.covers(contact.first, now_us);
  });
  return !named && std::all_of(members.all().begin(), members.all().end(), [&](const auto& entry) {
    const Member& member = entry.second;
    return !member.repair.synced || member.state(now_us) != MemberState::alive ||
           member.heartbeats >= member.list_parts;
  });
}

void Cluster::Impl::advance_checking(Now now, Outputs& out) {
  if (pull != nullptr) return;
  const bool agreed = std::all_of(members.all().begin(), members.all().end(), [&](const auto& entry) {
    const Member& member = entry.second;
    if (!member.refused.empty() || member.state(now.mono_us) != MemberState::alive || !member.repair.synced) {
      return true;
    }
    const Differences& differences = member.repair.differences;
    return member.repair.comparisons > 0 &&
           (differences.count() == 0 ||
            (member.repair.comparisons > 1 && (differences.steady().empty() || member.repair.it_lacks > 0)));
  });
  const bool met = all_met(now.mono_us);
  if (agreed && met) return become_synced(LogLevel::info, "in step with the cluster", out);
  if (now.mono_us >= check_until_us) {
    become_synced(LogLevel::warn,
                  agreed ? "serving, though members are named that have not been met"
                         : "serving, though digests still differ from those of other members",
                  out);
  }
}

void Cluster::Impl::become_synced(LogLevel level, const std::string& message, Outputs& out) {
  phase = SyncPhase::synced;
  out.logs.push_back({level, message, {}});
  // The others shall know at once.
  for (const auto& [member_id, member] : members.all()) greetings.push_back(member.address);
}

}  // namespace shoal::sync
