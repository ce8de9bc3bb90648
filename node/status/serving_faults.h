// ServingFaults: what keeps clients from being served although the process is well: system calls that fail
// each time they are tried. One place decides what an operator is told of them. Pure: times are arguments.
// Control thread only.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "node/http/http_counters.h"
#include "node/net/datagrams.h"
#include "node/tracker/worker_counters.h"

namespace shoal::node {

struct ServingFault {
  std::string text;     // what does not work, why, and what to change
  bool serves = false;  // clients are served nevertheless, at a greater cost
  bool operator==(const ServingFault&) const = default;
};

// Of the sync channel; of one that is off, nothing.
struct SyncFaults {
  const DatagramErrors* datagrams = nullptr;
  int accept_error = 0;
};

// Those of this moment.
std::vector<ServingFault> serving_faults_of(std::span<const WorkerCounters* const> workers,
                                            const HttpCounters& admin, const SyncFaults& sync);

class ServingFaults {
 public:
  // What is there for so long lasts.
  static constexpr int64_t kLastsMs = 5'000;
  // What has been away for so long is over, so one that comes and goes is logged once.
  static constexpr int64_t kOverMs = 60'000;

  struct Line {
    std::string text;
    bool over = false;
  };

  // To be called about once a second with those of the moment. Returns what the log is to say: once that a
  // fault is there, and once that it is over.
  std::vector<Line> look(const std::vector<ServingFault>& now, int64_t mono_ms);

  // Those that last.
  std::vector<ServingFault> lasting() const;

  // Of those, the first that keeps clients from being served; empty: none.
  std::string reason() const;

 private:
  struct Known {
    ServingFault fault;
    int64_t since_ms = 0;
    int64_t seen_ms = 0;
    bool lasts = false;
  };
  std::vector<Known> known_;
};

}  // namespace shoal::node
