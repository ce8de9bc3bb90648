#include "node/readiness.h"

#include <algorithm>

namespace shoal::node {

namespace {

// A node that hears from nobody serves alone after this long.
constexpr int64_t kLoneNodeReadyMs = 3'000;

// The access list's changes come within seconds; members that cannot hold them all must not hold us up.
constexpr int64_t kAccessReadyMs = 30'000;

}  // namespace

Readiness readiness_of(const ReadinessFacts& facts) {
  if (facts.phase == Phase::stopping) return {false, "stopping"};
  if (facts.phase == Phase::draining) return {false, "draining"};
  if (facts.snapshot_percent) {
    return {false, "loading the snapshot (" + std::to_string(*facts.snapshot_percent) + " %)"};
  }
  if (facts.sync == nullptr || !facts.expects_others) return {true, ""};
  const auto& members = facts.sync->members;
  const bool accompanied = std::any_of(members.begin(), members.end(), [](const auto& member) {
    return member.state == sync::MemberState::alive;
  });
  if (accompanied && facts.access_matters && !facts.sync->access_in_step &&
      facts.uptime_ms < kAccessReadyMs) {
    return {false, "taking the access list's run-time changes from the others"};
  }
  if (accompanied || facts.uptime_ms >= kLoneNodeReadyMs) return {true, ""};
  return {false, "starting: no other member heard yet"};
}

}  // namespace shoal::node
