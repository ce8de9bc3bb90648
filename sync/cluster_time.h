// ClusterTime: the time in which all nodes count ticks, and the rules by which it moves. Pure.
//
// It runs on the monotonic clock, so whatever happens to the wall clock loses nothing. From there:
// - it is stepped only to the cluster's: by the median of the voters, if that is more than a tick off;
// - it is slewed towards the voters' median, a tenth faster or slower, and where the members agree, a
// hundredth, towards
//   the median of the voters' wall clocks. So a wall clock that jumped on one node is outvoted; one that
//   jumped everywhere, or on a node alone, is followed slowly.
// Voters are the nodes that have run for a minute; while there is none, those that have run at least half as
// long as the oldest. Of two medians the one of the node that has run for longer counts. So a node that
// starts with a wrong clock takes the cluster's time, and never the cluster its.

#pragma once

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

  // A wall clock that jumped is not followed, nor voted with, for so long.
  static constexpr int64_t kSettleUs = 60'000'000;

  // Less than this apart is together, however short the tick.
  static constexpr int64_t kToleranceMs = 500;

  ClusterTime(uint64_t id, int64_t tick_ms, int64_t mono_us, int64_t wall_ms);

  // Milliseconds since the Unix epoch, as the cluster counts.
  int64_t at_ms(int64_t mono_us) const { return mono_us / 1000 + offset_ms_; }

  // Cluster time minus the monotonic clock.
  int64_t offset_ms() const { return offset_ms_; }

  struct Moved {
    int64_t stepped_ms = 0;  // cluster time was set by so much
    int64_t jumped_ms = 0;   // the wall clock was found set by so much
  };

  // To be called about twice a second, and when something new is known of the others.
  Moved advance(int64_t mono_us, int64_t wall_ms, std::span<const ClockSample> others);

  // What we tell the others: our wall clock minus cluster time; 0 as long as it is not to be trusted.
  int64_t told_wall_ahead_ms() const { return settled_ ? wall_ahead_ms_ : 0; }

  // Our wall clock minus cluster time.
  int64_t wall_ahead_ms() const { return wall_ahead_ms_; }
  bool wall_off() const;

  // Farther apart than this is off.
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
};

// The median of what `value` picks of the samples; see above for even counts. Not for an empty span.
int64_t median_sample(std::span<const ClockSample> samples, int64_t ClockSample::*value);

}  // namespace shoal::sync
