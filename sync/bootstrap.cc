#include "sync/bootstrap.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace shoal::sync {

namespace {

using common::LogLevel;

// A starting node that gets nothing from members that could give starts to serve without, after this long; if
// they are only busy, after the second.
constexpr int64_t kMaxUs = 60'000'000;
constexpr int64_t kBusyMaxUs = 600'000'000;

// A pull that broke off after it had brought something lets it wait that long anew, so often.
constexpr uint32_t kBrokenMax = 10;

// Digests that still differ after this long do not keep a node from serving.
constexpr int64_t kCheckMaxUs = 10'000'000;

// If no member that could give has been heard for so long, there is none. Nodes that are named in sync.peers
// and have not answered get longer.
constexpr int64_t kAloneUs = 3'000'000;
constexpr int64_t kAloneNamedUs = 15'000'000;

// An address counts as recently named, and nobody met there yet, for this long.
constexpr int64_t kNamedRecentlyUs = 5'000'000;

// How often the conditions of a phase that does not last are checked.
constexpr int64_t kLookUs = 100'000;

}  // namespace

Bootstrap::Bootstrap(const Identity& identity, Phase& phase, Membership& members, const Addresses& addresses,
                     const Namesakes& namesakes, const Departure& departure, Greetings& greetings,
                     Repair& repair, Pulls& pulls, PullTimer& timer, bool peers_named, bool snapshot)
    : identity_(identity),
      phase_(phase),
      members_(members),
      addresses_(addresses),
      namesakes_(namesakes),
      departure_(departure),
      greetings_(greetings),
      repair_(repair),
      pulls_(pulls),
      timer_(timer),
      peers_named_(peers_named),
      snapshot_(snapshot ? Snapshot::held : Snapshot::merged),
      waiting_since_us_(identity.started_us),
      alone_since_us_(identity.started_us),
      give_up_us_(identity.started_us + kMaxUs) {}

void Bootstrap::advance(Now now, Outputs& out) {
  if (*phase_ == SyncPhase::waiting) advance_waiting(now, out);
  if (*phase_ == SyncPhase::checking) advance_checking(now, out);
}

int64_t Bootstrap::look_us(Now now) const {
  const bool passing = *phase_ == SyncPhase::waiting || *phase_ == SyncPhase::checking;
  return passing ? now.mono_us + kLookUs : std::numeric_limits<int64_t>::max();
}

void Bootstrap::advance_waiting(Now now, Outputs& out) {
  if (namesakes_.taken_by(now.mono_us)) {
    // Nobody gives anything to a node that is refused: it starts to wait when it no longer is.
    waiting_since_us_ = alone_since_us_ = now.mono_us;
    give_up_us_ = now.mono_us + kMaxUs;
    return;
  }
  Member* nearest = nullptr;
  bool hope = false;
  for (auto& [id, member] : members_.all()) {
    if (member.refused() || member.liveness(now.mono_us) != Liveness::alive || !member.profile->synced) {
      continue;
    }
    hope = true;
    if (!pulls_.may_pull_from(member, now.mono_us)) continue;
    // The nearest of those that have failed least: round trips are what members say they are.
    const auto rank = [](const Member& one) { return std::pair(one.pulls->failed, one.round_trip_us()); };
    if (nearest == nullptr || rank(member) < rank(*nearest)) nearest = &member;
  }
  if (hope) alone_since_us_ = now.mono_us;
  if (nearest != nullptr && now.mono_us - identity_.started_us >= kLookUs) {
    if (!snapshot_ready(out)) return;
    phase_.mine() = SyncPhase::bootstrapping;
    return pulls_.begin(now, *nearest, {}, {}, out);
  }
  const bool expected = peers_named_ && !addresses_.seeds_answered(now.mono_us);
  if (!hope && now.mono_us - alone_since_us_ >= (expected ? kAloneNamedUs : kAloneUs)) {
    if (!snapshot_ready(out)) return;
    alone_ = true;
    return become_synced(LogLevel::info, "no other member to pull from; serving with what is here", out);
  }
  if (now.mono_us >= give_up_us_) {
    if (!snapshot_ready(out)) return;
    become_synced(LogLevel::error,
                  "no member could be pulled from; serving with what is here. Is TCP to their sync.listen "
                  "blocked?",
                  out);
  }
}

bool Bootstrap::snapshot_ready(Outputs& out) {
  if (snapshot_ == Snapshot::held) {
    snapshot_ = Snapshot::loading;
    out.load_snapshot = true;
  }
  return snapshot_ == Snapshot::merged;
}

void Bootstrap::snapshot_merged() {
  snapshot_ = Snapshot::merged;
  timer_.request_plan();
}

void Bootstrap::begin_waiting(Now now) {
  phase_.mine() = SyncPhase::waiting;
  alone_ = false;
  waiting_since_us_ = alone_since_us_ = now.mono_us;
  give_up_us_ = now.mono_us + kMaxUs;
  broken_ = 0;
  timer_.request_plan();
}

void Bootstrap::begin_checking(Now now) {
  phase_.mine() = SyncPhase::checking;
  check_until_us_ = now.mono_us + kCheckMaxUs;
  repair_.announce_by(now.mono_us);
  timer_.request_plan();
}

void Bootstrap::stalled(Now now) {
  if (*phase_ != SyncPhase::synced || departure_.left() || members_.all().empty()) return;
  repair_.restart(now);
  begin_checking(now);
}

void Bootstrap::met(Now now, const Member& member, int64_t uptime_ms, Outputs& out) {
  const bool older = uptime_ms > identity_.uptime_ms(now);
  if (!alone_ || departure_.left() || *phase_ != SyncPhase::synced || !older || !member.profile->synced ||
      member.refused()) {
    return;
  }
  begin_waiting(now);
  out.logs.push_back({LogLevel::warn,
                      "this node served alone and has now met a member that has run for longer: it is not "
                      "ready until it has pulled everything",
                      {{"member", member.display_name()}}});
}

void Bootstrap::pull_ended(Now now, const Pulls::Ended& ended, Outputs& out) {
  const bool busy = ended.turned_away && now.mono_us - waiting_since_us_ < kBusyMaxUs;
  const bool worth_more = ended.purpose.everything && !ended.good && ended.applied > 0;
  if (busy || (worth_more && broken_++ < kBrokenMax)) {
    give_up_us_ = std::max(give_up_us_, now.mono_us + kMaxUs);
  }
  if (!ended.purpose.everything) return;
  if (!ended.good) {
    phase_.mine() = SyncPhase::waiting;
    return;
  }
  begin_checking(now);
  out.logs.push_back({LogLevel::info,
                      "pulled everything",
                      {{"from", ended.purpose.member_name}, {"records", std::to_string(ended.records)}}});
}

bool Bootstrap::all_met(int64_t now_us) const {
  const auto& contacts = members_.contacts();
  const bool named = std::any_of(contacts.begin(), contacts.end(), [&](const auto& contact) {
    return now_us - contact.second < kNamedRecentlyUs && !members_.covers(contact.first, now_us);
  });
  return !named && std::all_of(members_.all().begin(), members_.all().end(), [&](const auto& entry) {
    const Member& member = entry.second;
    return !member.profile->synced || member.liveness(now_us) != Liveness::alive ||
           member.profile->heartbeats >= member.profile->list_parts;
  });
}

void Bootstrap::advance_checking(Now now, Outputs& out) {
  if (pulls_.running() != nullptr) return;
  const bool agreed = std::all_of(members_.all().begin(), members_.all().end(), [&](const auto& entry) {
    const Member& member = entry.second;
    if (member.refused() || member.liveness(now.mono_us) != Liveness::alive || !member.profile->synced) {
      return true;
    }
    const MemberRepair& repair = *member.repair;
    return repair.comparisons > 0 &&
           (repair.differences.count() == 0 ||
            (repair.comparisons > 1 && (repair.differences.steady().empty() || repair.it_lacks > 0)));
  });
  const bool met = all_met(now.mono_us);
  if (agreed && met) return become_synced(LogLevel::info, "in step with the cluster", out);
  if (now.mono_us >= check_until_us_) {
    become_synced(LogLevel::warn,
                  agreed ? "serving, though members are named that have not been met"
                         : "serving, though digests still differ from those of other members",
                  out);
  }
}

void Bootstrap::become_synced(LogLevel level, const std::string& message, Outputs& out) {
  phase_.mine() = SyncPhase::synced;
  out.logs.push_back({level, message, {}});
  // The others should know at once.
  for (const auto& [id, member] : members_.all()) greetings_.add(member.address());
}

}  // namespace shoal::sync
