#include "node/readiness.h"

#include <algorithm>

namespace shoal::node {

namespace {

std::string reason_of(const sync::Status& sync) {
  switch (sync.phase) {
    case sync::SyncPhase::waiting: {
      const bool accompanied = std::any_of(sync.members.begin(), sync.members.end(), [](const auto& member) {
        return member.state != sync::MemberState::down;
      });
      return accompanied ? "starting: no member to take the peers from yet"
                         : "starting: no other member heard yet";
    }
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
  const std::string reason = reason_of(*facts.sync);
  return {reason.empty(), reason};
}

}  // namespace shoal::node
