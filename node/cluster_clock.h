// ClusterClock: the wall clock as the whole cluster sees it. Ticks and connection ids are counted in it.
//
// Any thread reads. The control thread sets the correction by which this machine's clock is off (0 in the
// first form).

#pragma once

#include <time.h>

#include <atomic>
#include <cstdint>

#include "common/tick.h"

namespace shoal::node {

class ClusterClock {
 public:
  explicit ClusterClock(uint32_t peer_timeout_s)
      : tick_ms_(static_cast<int64_t>(peer_timeout_s) * 1000 / common::kLifetimeTicks) {}

  // Milliseconds since the Unix epoch, a few milliseconds coarse; no system call.
  int64_t unix_ms() const {
    timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000 +
           correction_ms_.load(std::memory_order_relaxed);
  }

  common::Tick tick() const { return common::tick_at(unix_ms(), tick_ms_); }
  int64_t tick_ms() const { return tick_ms_; }
  void set_correction_ms(int64_t correction) { correction_ms_.store(correction, std::memory_order_relaxed); }

 private:
  const int64_t tick_ms_;
  std::atomic<int64_t> correction_ms_{0};
};

}  // namespace shoal::node
