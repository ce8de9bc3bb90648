// Timings: how long requests and changes took, as counts by range since the start of the process, and
// percentiles of what was counted between two moments. Pure.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace shoal::node {

struct NodeState;

// udp, http: from the arrival of a request to its answer. lag: from when a change was sent by another node
// until it was merged here; it compares two clocks.
enum class Timing : uint8_t { udp, http, lag };
constexpr size_t kTimings = 3;

std::string_view to_string(Timing timing);

struct Timings {
  static constexpr size_t kRangesMax = 15;
  // By Timing, by range; the last range in use has no upper end.
  std::array<std::array<uint64_t, kRangesMax>, kTimings> counts{};
};

Timings timings_of(const NodeState& state);

// The time that `share` (0 to 1) of what happened between the two moments took at most, in microseconds,
// interpolated inside its range; the greatest bound if it lies beyond that. Nothing if nothing happened.
std::optional<double> percentile_us(Timing timing, const Timings& before, const Timings& now, double share);

// Times from here on are only known to be as long at least.
double longest_us(Timing timing);

struct Percentiles {
  double p50_us = 0;
  double p95_us = 0;
  double p99_us = 0;
};

// By Timing; nothing where nothing happened.
using Latency = std::array<std::optional<Percentiles>, kTimings>;
Latency latency_between(const Timings& before, const Timings& now);

}  // namespace shoal::node
