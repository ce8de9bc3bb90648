#include "node/readiness.h"

#include <algorithm>

namespace shoal::node {

namespace {

// A node that hears from nobody serves alone after this long.
constexpr int64_t kLoneNodeReadyMs = 3'000;

// The access list's changes come within seconds; members that cannot hold them all must not hold us up.
constexpr int64_t kAccessReadyMs = 30'000;

bool accompanied(const sync::Status& sync) {
  return std::any_of(sync.members.begin(), sync.members.end(),
                     [](const auto& member) { return member.state != sync::MemberState::down; });
}

Readiness synced(const sync::Status& sync, int64_t uptime_ms) {
  if (!accompanied(sync)) {
    if (uptime_ms >= kLoneNodeReadyMs) return {true, ""};
    return {false, "starting: no other member heard yet"};
  }
  switch (sync.phase) {
    case sync::SyncPhase::waiting:
      return {false, "starting: no member to take the peers from yet"};
    case sync::SyncPhase::bootstrapping:
      return {false, "bootstrapping from " + sync.donor + " (" + std::to_string(sync.percent) + " %)"};
    case sync::SyncPhase::checking:
      return {false, "digest check"};
    case sync::SyncPhase::synced:
      return {true, ""};
  }
  return {true, ""};
}

}  // namespace

Readiness readiness_of(const ReadinessFacts& facts) {
  if (facts.phase == Phase::stopping) return {false, "stopping"};
  if (facts.phase == Phase::draining) return {false, "draining"};
  if (facts.snapshot_percent) {
    return {false, "loading the snapshot (" + std::to_string(*facts.snapshot_percent) + " %)"};
  }
  if (facts.sync == nullptr || !facts.expects_others) return {true, ""};
  const Readiness peers = synced(*facts.sync, facts.uptime_ms);
  if (!peers.ready || !facts.access_matters || facts.sync->access_in_step) return peers;
  if (!accompanied(*facts.sync) || facts.uptime_ms >= kAccessReadyMs) return peers;
  return {false, "taking the access list's run-time changes from the others"};
}

}  // namespace shoal::node
