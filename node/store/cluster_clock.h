// ClusterClock: the time of day as the whole cluster sees it (sync/cluster_time.h), which connection ids use,
// and the ticks of the store: the cluster's ticks, but never stepped (sync/store_ticks.h).
//
// Any thread reads. The control thread sets it: follow() in a cluster, follow_wall() without one. Between two
// such calls it runs on the monotonic clock.

#pragma once

#include <time.h>

#include <atomic>
#include <cstdint>

#include "common/tick.h"
#include "node/os/monotonic.h"
#include "sync/cluster_time.h"

namespace shoal::node {

struct AnnounceMoments {
  common::Moment live;
  common::Moment stopped;

  uint8_t live_lead() const { return static_cast<uint8_t>(live - stopped); }
};

class ClusterClock {
 public:
  explicit ClusterClock(uint32_t peer_timeout_s)
      : tick_ms_(static_cast<int64_t>(peer_timeout_s) * 1000 / common::kLifetimeTicks),
        alone_(0, tick_ms_, coarse_monotonic_ms() * 1000, wall_ms()),
        offset_ms_(alone_.offset_ms()),
        tick_offset_ms_(alone_.offset_ms()) {}

  // Milliseconds since the Unix epoch, some milliseconds coarse. Makes no system call.
  int64_t unix_ms() const { return coarse_monotonic_ms() + offset_ms_.load(std::memory_order_relaxed); }

  // The store's tick.
  common::Tick tick() const { return common::tick_at(store_ms(), tick_ms_); }

  // The store's moments at which announces made now are written.
  AnnounceMoments announce_moments() const {
    const int64_t ms = store_ms();
    return {common::moment_at(ms + common::kLiveLeadMs, tick_ms_), common::moment_at(ms, tick_ms_)};
  }
  int64_t tick_ms() const { return tick_ms_; }

  // The cluster's ticks minus the store's.
  common::Tick store_ticks_behind() const { return behind_.load(std::memory_order_relaxed); }

  // sync::Cluster::time_offset_ms(), whose clock is CLOCK_MONOTONIC too, and its store_ticks_behind().
  void follow(int64_t offset_ms, common::Tick store_ticks_behind) {
    offset_ms_.store(offset_ms, std::memory_order_relaxed);
    // One value for both, so that no thread ever combines an old one with a new one.
    tick_offset_ms_.store(offset_ms - store_ticks_behind * tick_ms_, std::memory_order_relaxed);
    behind_.store(store_ticks_behind, std::memory_order_relaxed);
  }

  int64_t offset_ms() const { return offset_ms_.load(std::memory_order_relaxed); }

  // A node that is in no cluster calls this regularly.
  void follow_wall() {
    alone_.advance(coarse_monotonic_ms() * 1000, wall_ms(), {});
    follow(alone_.offset_ms(), 0);
  }

  // This machine's clock, right or wrong.
  static int64_t wall_ms() {
    timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000;
  }

 private:
  int64_t store_ms() const { return coarse_monotonic_ms() + tick_offset_ms_.load(std::memory_order_relaxed); }

  const int64_t tick_ms_;
  sync::ClusterTime alone_;
  std::atomic<int64_t> offset_ms_;
  std::atomic<int64_t> tick_offset_ms_;  // of the store's ticks
  std::atomic<common::Tick> behind_ = 0;
};

}  // namespace shoal::node
