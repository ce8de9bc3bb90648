// IntervalControl: measures announces per second, here and on the other nodes, and adapts the interval that
// clients are told. Once a second. Control thread only, except for the interval.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "node/cluster/sync_driver.h"
#include "node/config/options.h"
#include "node/net/timer.h"
#include "node/tracker/adaptive_interval.h"
#include "node/tracker/worker_counters.h"

namespace shoal::node {

class IntervalControl {
 public:
  IntervalControl(uv_loop_t* loop, const Options::Tracker& options);
  IntervalControl(const IntervalControl&) = delete;
  IntervalControl& operator=(const IntervalControl&) = delete;

  // Starts to measure and adapt. The counters outlive this. `sync` may be null: a single node.
  void start(std::vector<const WorkerCounters*> workers, SyncDriver* sync);

  // Applies new options. If this turns adapting on or off, give the trackers the new adapted_interval_s().
  void set(const Options::Tracker& options);

  // The interval before the jitter; null: it is not adapted. Any thread.
  const std::atomic<uint32_t>* adapted_interval_s() const { return adapts_ ? &interval_s_ : nullptr; }

  uint32_t interval_s() const { return interval_s_.load(std::memory_order_relaxed); }
  double announces_per_s() const { return announces_.per_s(); }

  // Stops.
  void close() { timer_.close(); }

 private:
  void adapt();

  bool adapts_;
  AdaptiveInterval adaptive_;
  RateMeter announces_;
  std::atomic<uint32_t> interval_s_;
  std::vector<const WorkerCounters*> workers_;
  SyncDriver* sync_ = nullptr;
  Timer timer_;
};

}  // namespace shoal::node
