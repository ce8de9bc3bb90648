#include "node/status/readiness.h"

#include <algorithm>
#include <utility>

namespace shoal::node {

namespace {

// The access list's changes arrive within seconds; members that cannot hold them all must not delay us
// longer.
constexpr int64_t kAccessReadyMs = 30'000;

// Members in the reason to which TCP fails.
constexpr size_t kBlockedNamed = 3;

bool accompanied(const sync::Status& sync) {
  return std::any_of(sync.members.begin(), sync.members.end(),
                     [](const auto& member) { return !is_gone(member.state); });
}

// Why pulls do not connect, of some members: "; TCP to b (10.0.0.2:6970) fails: connection refused".
std::string blocked_text(const sync::Status& sync) {
  std::string text;
  size_t named = 0;
  for (const sync::MemberStatus& member : sync.members) {
    if (member.pull_trouble.empty() || is_gone(member.state) || ++named > kBlockedNamed) continue;
    text += "; TCP to " + member.name + " (" + common::to_string(member.address) +
            ") fails: " + member.pull_trouble;
  }
  if (named > kBlockedNamed) text += "; and to " + std::to_string(named - kBlockedNamed) + " more";
  return text;
}

std::string reason_of(const sync::Status& sync) {
  switch (sync.phase) {
    case sync::SyncPhase::waiting:
      return accompanied(sync) ? "starting: no member can give us the peers yet" + blocked_text(sync)
                               : "starting: no other member heard yet";
    case sync::SyncPhase::bootstrapping:
      return "bootstrapping from " + sync.donor + " (" + std::to_string(sync.percent) + " %)" +
             blocked_text(sync);
    case sync::SyncPhase::checking:
      return "digest check";
    case sync::SyncPhase::synced:
      return "";
  }
  return "";
}

bool may_serve_alone(const sync::Status& sync, ReadyAlone ready_alone) {
  switch (ready_alone) {
    case ReadyAlone::always:
      return true;
    case ReadyAlone::held:
      return sync.held;
    case ReadyAlone::never:
      break;
  }
  return false;
}

}  // namespace

Readiness readiness_of(const ReadinessFacts& facts) {
  const auto not_ready = [](std::string reason) { return Readiness{false, std::move(reason)}; };
  Readiness ready{true, ""};
  if (facts.phase == Phase::stopping) return not_ready("stopping");
  if (facts.phase == Phase::draining) return not_ready("draining");
  if (!facts.serving_fault.empty()) return not_ready(facts.serving_fault);
  if (facts.snapshot_percent) {
    return not_ready("loading the snapshot (" + std::to_string(*facts.snapshot_percent) + " %)");
  }
  if (facts.sync == nullptr) return ready;
  const sync::Status& sync = *facts.sync;
  if (sync.name_taken_by) {
    return {false,
            "refused: another node of this name was there first, at " +
                common::to_string(*sync.name_taken_by) + "; give each node a name of its own (node.name)",
            true};
  }
  if (std::string reason = reason_of(sync); !reason.empty()) return not_ready(std::move(reason));
  if (sync.alone && !may_serve_alone(sync, facts.ready_alone)) {
    return {false, "alone: " + sync::alone_text(sync.peers), true};
  }
  if (!facts.access_matters || (sync.access_in_step && facts.access_in_force)) return ready;
  if (!accompanied(sync) || facts.uptime_ms >= kAccessReadyMs) return ready;
  return not_ready("getting the run-time changes of the access list from the other nodes");
}

}  // namespace shoal::node
