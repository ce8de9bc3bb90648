// RecentFaults: how often things went wrong lately. Counters only say how often since start; an operator
// wants to know whether it goes on. Pure: times and counts are arguments. Control thread only.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "node/limits/limit.h"

namespace shoal::node {

struct NodeState;

enum class Fault : uint8_t {
  deltas_dropped,   // between a worker and the sync channel
  answers_dropped,  // UDP answers that the kernel did not take
  stalls,           // the process stood still
  snapshots_failed,
  snapshots_refused,
  exports_failed,
  access_states_failed,    // access.state_file was not written
  access_changes_refused,  // too many run-time changes
  access_lines_bad,        // of the FIFOs
  bans_made,               // on this node, of offenders
  bans_would_be_made,      // the same that bans.mode = log makes none of
  bans_dropped,            // offenders beyond what is taken, and bans of others that were not taken
  limits,                  // the first of kLimits, in the order of Limit
};
constexpr size_t kFaults = static_cast<size_t>(Fault::limits) + kLimits;

// By Fault: how often since start, or since some moment.
class FaultCounts {
 public:
  uint64_t& operator[](Fault fault) { return counts_[static_cast<size_t>(fault)]; }
  uint64_t operator[](Fault fault) const { return counts_[static_cast<size_t>(fault)]; }
  uint64_t& operator[](Limit limit) { return counts_[index_of(limit) + static_cast<size_t>(Fault::limits)]; }
  uint64_t operator[](Limit limit) const {
    return counts_[index_of(limit) + static_cast<size_t>(Fault::limits)];
  }

  FaultCounts operator-(const FaultCounts& before) const;

 private:
  std::array<uint64_t, kFaults> counts_{};
};

// Since start.
FaultCounts fault_counts(const NodeState& state);

class RecentFaults {
 public:
  static constexpr int64_t kStepMs = 60'000;
  static constexpr size_t kMinutesMax = 60;

  // Call it every few seconds. `now`: since start.
  void add(int64_t mono_ms, const FaultCounts& now);

  // Of the last `minutes`, 1 to kMinutesMax, or since start if that was later.
  FaultCounts of_last(size_t minutes, const FaultCounts& now) const;

 private:
  std::deque<FaultCounts> by_minute_;  // the newest last
  std::optional<int64_t> added_ms_;
};

}  // namespace shoal::node
