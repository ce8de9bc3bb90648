// ClusterTime: the time in which all nodes count ticks, and the rules by which it moves. Pure.
//
// It runs on the monotonic clock, so a wall clock that jumps does no harm. Cluster time is
// - stepped only to the voters' median, if that is more than a tick off, and only so often;
// - slewed towards the voters' median, a tenth faster or slower, or, if the members agree, a hundredth faster
// or
//   slower towards the median of the voters' wall clocks. So a wall clock that jumped on one node is
//   outvoted; one that jumped on all nodes, or on the only node, is followed slowly.
// Voters are the nodes that have run for a minute; while there is none, those that have run at least half as
// long as the oldest. Of two medians, that of the node that has run for longer counts. So a node that starts
// with a wrong clock adopts the cluster's time, and the cluster never adopts the node's.

#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace shoal::sync {

// A node's clocks as seen here, milliseconds.
struct ClockSample {
  uint64_t id = 0;
  int64_t uptime_ms = 0;
  int64_t cluster_ms = 0;  // its cluster time minus ours
  int64_t wall_ms = 0;     // its wall clock minus our cluster time
};

class ClusterTime {
 public:
  static constexpr int64_t kElderMs = 60'000;

  // A wall clock that jumped is neither followed nor reported for this long.
  static constexpr int64_t kSettleUs = 60'000'000;

  // Clocks less than this apart agree, however short the tick.
  static constexpr int64_t kToleranceMs = 500;

  // So many steps at once, then one in each of these intervals: a step costs what has not been sent yet.
  static constexpr int64_t kStepsAtOnce = 6;
  static constexpr int64_t kStepEveryUs = 10'000'000;

  // How long a node must have run to be a voter, if the oldest has run for `oldest_ms`.
  static int64_t voting_uptime_ms(int64_t oldest_ms) { return std::min(kElderMs, oldest_ms / 2); }

  ClusterTime(uint64_t id, int64_t tick_ms, int64_t mono_us, int64_t wall_ms);

  // Milliseconds since the Unix epoch, in cluster time.
  int64_t at_ms(int64_t mono_us) const { return mono_us / 1000 + offset_ms_; }

  // Cluster time minus the monotonic clock.
  int64_t offset_ms() const { return offset_ms_; }

  struct Moved {
    int64_t stepped_ms = 0;  // cluster time was stepped by so much
    int64_t jumped_ms = 0;   // the wall clock has jumped by so much
  };

  // To be called about twice a second, and when something new is known of the others.
  Moved advance(int64_t mono_us, int64_t wall_ms, std::span<const ClockSample> others);

  // As sent to the others: our wall clock minus cluster time; 0 while the wall clock is not trusted.
  int64_t announced_wall_ahead_ms() const { return settled_ ? wall_ahead_ms_ : 0; }

  // Our wall clock minus cluster time.
  int64_t wall_ahead_ms() const { return wall_ahead_ms_; }
  bool wall_off() const;

  // Clocks farther apart than this disagree.
  int64_t tolerance_ms() const { return tolerance_ms_; }

 private:
  const uint64_t id_;
  const int64_t tolerance_ms_;
  const int64_t started_us_;
  int64_t offset_ms_;
  int64_t wall_offset_ms_;  // wall minus monotonic
  int64_t wall_ahead_ms_ = 0;
  int64_t settles_us_;
  bool settled_ = true;
  int64_t advanced_us_;
  int64_t slew_credit_us_ = 0;
  int64_t steps_paid_us_;  // the steps so far would have been kStepEveryUs apart until then
};

// The median of what `value` picks of the samples; see above for even counts. Not for an empty span.
int64_t median_sample(std::span<const ClockSample> samples, int64_t ClockSample::*value);

}  // namespace shoal::sync
