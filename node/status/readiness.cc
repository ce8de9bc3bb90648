#include "node/status/readiness.h"

#include <algorithm>

namespace shoal::node {

namespace {

// The access list's changes arrive within seconds; members that cannot hold them all must not delay us
// longer.
constexpr int64_t kAccessReadyMs = 30'000;

bool accompanied(const sync::Status& sync) {
  return std::any_of(sync.members.begin(), sync.members.end(),
                     [](const auto& member) { return member.state != sync::MemberState::down; });
}

std::string reason_of(const sync::Status& sync) {
  switch (sync.phase) {
    case sync::SyncPhase::waiting:
      return accompanied(sync) ? "starting: no member can give us the peers yet"
                               : "starting: no other member heard yet";
    case sync::SyncPhase::bootstrapping:
      return "bootstrapping from " + sync.donor + " (" + std::to_string(sync.percent) + " %)";
    case sync::SyncPhase::checking:
      return "digest check";
    case sync::SyncPhase::synced:
      return "";
  }
  return "";
}

}  // namespace

Readiness readiness_of(const ReadinessFacts& facts) {
  if (facts.phase == Phase::stopping) return {false, "stopping"};
  if (facts.phase == Phase::draining) return {false, "draining"};
  if (facts.snapshot_percent) {
    return {false, "loading the snapshot (" + std::to_string(*facts.snapshot_percent) + " %)"};
  }
  if (facts.sync == nullptr) return {true, ""};
  if (const std::string reason = reason_of(*facts.sync); !reason.empty()) return {false, reason};
  if (!facts.access_matters || facts.sync->access_in_step) return {true, ""};
  if (!accompanied(*facts.sync) || facts.uptime_ms >= kAccessReadyMs) return {true, ""};
  return {false, "getting the run-time changes of the access list from the other nodes"};
}

}  // namespace shoal::node
