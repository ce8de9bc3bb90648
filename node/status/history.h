// History: rates and sizes of a node over the last hour, for /v1/history and the page at /: a ring with a
// point every kHistoryStepMs. Pure: time and numbers are arguments. Control thread only.

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

// First the series that are rates per second, then those that are sizes.
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

// By series: the count since start, or the present size.
using SeriesValues = std::array<double, kSeriesCount>;
SeriesValues series_of(const NodeState& state);

class History {
 public:
  struct Point {
    int64_t unix_ms = 0;  // when it ends
    SeriesValues values{};
  };

  // Call it every kHistoryStepMs. Rates are averages since the last call, so the first call adds no point.
  // `mono_ms` never goes back.
  void add(int64_t mono_ms, int64_t unix_ms, const SeriesValues& now);

  // At most kHistoryPointsMax, from the oldest to the newest.
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
