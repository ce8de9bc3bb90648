// Clock: the members' clocks, and the cluster time this node derives from them (sync/cluster_time.h).

#pragma once

#include <functional>
#include <vector>

#include "sync/cluster_time.h"
#include "sync/complaints.h"
#include "sync/identity.h"
#include "sync/membership.h"
#include "sync/outputs.h"
#include "sync/stats.h"
#include "sync/store_ticks.h"

namespace shoal::sync {

// Nodes that count ticks farther apart than this exchange no records.
constexpr common::Tick kTicksApartMax = 8;

// What a packet says about its sender's clocks.
struct ClockReading {
  int64_t cluster_ms;
  int64_t wall_ahead_ms;
  int64_t uptime_ms;
};

class Clock {
 public:
  // The references must outlive it. `forget_unsent` is called when cluster time was stepped so far that
  // deltas stamped before must not be sent any more.
  Clock(const Identity& identity, Membership& members, StoreTicks& swarms, Complaints& complaints, Now now,
        std::function<void()> forget_unsent);

  // Milliseconds since the Unix epoch, as the cluster counts.
  int64_t at_ms(Now now) const { return time_.at_ms(now.mono_us); }
  common::Tick tick(Now now) const { return common::tick_at(at_ms(now), identity_.tick_ms); }
  common::Moment moment(Now now) const { return common::moment_at(at_ms(now), identity_.tick_ms); }
  const ClusterTime& time() const { return time_; }

  // Later than any clock that is right. A reading of another century is not used unless the sender agrees
  // with us: so nobody can move cluster time to where packets cannot say it.
  static constexpr int64_t kCredibleMaxMs = 7'258'118'400'000;  // 2200

  // The reading arrived in a packet that was in flight for half the round trip.
  void add_reading(Now now, Member& member, const ClockReading& reading, int64_t round_trip_us, Outputs& out);

  // Moves cluster time as ClusterTime's rules say. To be called about twice a second.
  void advance(Now now, Outputs& out);

  const ClockStats& stats() const { return stats_; }

 private:
  std::vector<ClockSample> samples(Now now) const;
  void keep_ages(Now now, int64_t stepped_ms);
  int64_t stood_still_ms(Now now) const;

  const Identity& identity_;
  Membership& members_;
  StoreTicks& swarms_;
  Complaints& complaints_;
  const std::function<void()> forget_unsent_;
  ClusterTime time_;
  ClockStats stats_;
};

}  // namespace shoal::sync
