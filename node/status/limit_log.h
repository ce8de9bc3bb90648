// LimitLog: makes log lines about limits that are being hit: one at the first hit, and at most one a minute
// while the hits continue. Pure: times and counts are arguments. Control thread.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "node/limits/limit.h"
#include "node/store/swarm_store.h"
#include "node/tracker/worker_counters.h"

namespace shoal::node {

// How often each limit has been hit since start.
LimitHits limit_hits(const std::vector<std::unique_ptr<WorkerCounters>>& workers, const SwarmStore& store);

class LimitLog {
 public:
  static constexpr int64_t kEveryMs = 60'000;

  struct Line {
    std::string_view limit;
    uint64_t hits;  // since the last line of this limit, or since start
  };
  std::vector<Line> lines(const LimitHits& hits, int64_t now_ms);

 private:
  struct Told {
    uint64_t hits = 0;
    std::optional<int64_t> at_ms;
  };
  std::array<Told, kLimits> told_{};
};

}  // namespace shoal::node
