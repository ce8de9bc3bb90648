#include "sync/cluster_time.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>

#include "common/check.h"

namespace shoal::sync {

namespace {

// Differences as small as this come from the network.
constexpr int64_t kSlewFromMs = 20;

// Microseconds in which time is slewed by a millisecond. Towards wall clocks it is slow, since the two sides
// of a cut may drift apart.
constexpr int64_t kSlewToMembers = 10'000;
constexpr int64_t kSlewToWalls = 100'000;

// Slewing makes up for at most this much time at once, or else a stall would become a step.
constexpr int64_t kSlewSpanUs = 1'000'000;

}  // namespace

int64_t median_sample(std::span<const ClockSample> samples, int64_t ClockSample::*value) {
  CHECK_INVARIANT(!samples.empty());
  std::vector<ClockSample> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end(), [value](const ClockSample& a, const ClockSample& b) {
    return std::tie(a.*value, a.id) < std::tie(b.*value, b.id);
  });
  const ClockSample& upper = sorted[sorted.size() / 2];
  if (sorted.size() % 2 == 1) return upper.*value;
  const ClockSample& lower = sorted[sorted.size() / 2 - 1];
  // Uptimes are known to about the network's delay; for nodes that started together the ids decide.
  if (std::abs(upper.uptime_ms - lower.uptime_ms) > ClusterTime::kToleranceMs) {
    return upper.uptime_ms > lower.uptime_ms ? upper.*value : lower.*value;
  }
  return upper.id < lower.id ? upper.*value : lower.*value;
}

ClusterTime::ClusterTime(uint64_t id, int64_t tick_ms, int64_t mono_us, int64_t wall_ms)
    : id_(id),
      tolerance_ms_(std::max(tick_ms, kToleranceMs)),
      started_us_(mono_us),
      offset_ms_(wall_ms - mono_us / 1000),
      wall_offset_ms_(offset_ms_),
      settles_us_(mono_us),
      advanced_us_(mono_us),
      steps_paid_us_(mono_us) {}

bool ClusterTime::wall_off() const { return std::abs(wall_ahead_ms_) > tolerance_ms_; }

ClusterTime::Moved ClusterTime::advance(int64_t mono_us, int64_t wall_ms,
                                        std::span<const ClockSample> others) {
  Moved moved;
  const int64_t wall_offset_ms = wall_ms - mono_us / 1000;
  if (std::abs(wall_offset_ms - wall_offset_ms_) > tolerance_ms_) {
    moved.jumped_ms = wall_offset_ms - wall_offset_ms_;
    settles_us_ = mono_us + kSettleUs;
  }
  wall_offset_ms_ = wall_offset_ms;
  settled_ = mono_us >= settles_us_;
  wall_ahead_ms_ = wall_offset_ms_ - offset_ms_;

  std::vector<ClockSample> voters(others.begin(), others.end());
  voters.push_back({id_, (mono_us - started_us_) / 1000, 0, announced_wall_ahead_ms()});
  int64_t oldest_ms = 0;
  for (const ClockSample& voter : voters) oldest_ms = std::max(oldest_ms, voter.uptime_ms);
  std::erase_if(voters, [least_ms = voting_uptime_ms(oldest_ms)](const ClockSample& voter) {
    return voter.uptime_ms < least_ms;
  });

  if (const int64_t off_ms = median_sample(voters, &ClockSample::cluster_ms);
      std::abs(off_ms) > tolerance_ms_) {
    // What is too soon is not slewed either: it waits.
    steps_paid_us_ = std::max(steps_paid_us_, mono_us);
    if (steps_paid_us_ - mono_us <= (kStepsAtOnce - 1) * kStepEveryUs) {
      steps_paid_us_ += kStepEveryUs;
      moved.stepped_ms = off_ms;
      offset_ms_ += off_ms;
    }
  } else {
    slew_credit_us_ += std::clamp<int64_t>(mono_us - advanced_us_, 0, kSlewSpanUs);
    const bool apart = std::abs(off_ms) > kSlewFromMs;
    const int64_t us_per_ms = apart ? kSlewToMembers : kSlewToWalls;
    const int64_t most_ms = slew_credit_us_ / us_per_ms;
    slew_credit_us_ -= most_ms * us_per_ms;
    const int64_t target_ms = apart ? off_ms : median_sample(voters, &ClockSample::wall_ms);
    if (std::abs(target_ms) > kSlewFromMs) offset_ms_ += std::clamp(target_ms, -most_ms, most_ms);
  }
  advanced_us_ = mono_us;
  wall_ahead_ms_ = wall_offset_ms_ - offset_ms_;
  return moved;
}

}  // namespace shoal::sync
