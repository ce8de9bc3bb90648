#include "node/readiness.h"

#include <algorithm>

namespace shoal::node {

namespace {

// A node that hears from nobody serves alone after this long.
constexpr int64_t kLoneNodeReadyMs = 3'000;

Readiness synced(const sync::Status& sync, int64_t uptime_ms) {
  const bool accompanied = std::any_of(sync.members.begin(), sync.members.end(), [](const auto& member) {
    return member.state != sync::MemberState::down;
  });
  if (!accompanied) {
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
  return synced(*facts.sync, facts.uptime_ms);
}

}  // namespace shoal::node
