// History: how a node fared over the last hour, for /v1/history and the page at /: a ring of points, one each
// kHistoryStepMs. Pure: time and numbers come in as arguments. Control thread only.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/status/node_state.h"

namespace shoal::node {

constexpr int64_t kHistoryStepMs = 10'000;
constexpr size_t kHistoryPointsMax = 360;

// What is kept: rates of what is counted, per second, then what is measured.
enum class Series : uint8_t {
  udp_announces,
  http_announces,
  udp_connects,
  scrapes,
  refused,  // answered with an error or a failure
  dropped,  // not answered
  bytes_received,
  bytes_sent,
  deltas_sent,
  deltas_received,
  swarms,
  seeders,
  leechers,
};
constexpr size_t kSeriesCount = 13;
constexpr size_t kRatesCount = 10;  // of the first ones

std::string_view to_string(Series series);

// By series: what has been counted since start, or what is now.
using SeriesValues = std::array<double, kSeriesCount>;
SeriesValues series_of(const NodeState& state);

class History {
 public:
  struct Point {
    int64_t unix_ms = 0;  // when it ends
    SeriesValues values{};
  };

  // To be called each kHistoryStepMs; rates are over the time since the last call, which the first has not:
  // it adds no point. `mono_ms` never goes back.
  void add(int64_t mono_ms, int64_t unix_ms, const SeriesValues& now);

  // From the oldest to the newest, at most kHistoryPointsMax.
  std::vector<Point> points() const;

 private:
  struct Before {
    int64_t mono_ms;
    SeriesValues values;
  };

  std::optional<Before> before_;
  std::vector<Point> ring_;
  size_t next_ = 0;  // where the next point goes once the ring is full
};

// {"step_s": 10, "unix_ms": [...], "series": {"udp_announces_per_s": [...], ..., "swarms": [...]}}
std::string history_json(const History& history);

}  // namespace shoal::node
