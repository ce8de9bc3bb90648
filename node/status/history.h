// History: rates and sizes of a node over the last hour, for /v1/history and the page at /: a ring with a
// point every kHistoryStepMs. Pure: time and numbers are arguments. Control thread only.

#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/status/node_state.h"
#include "node/status/timings.h"

namespace shoal::node {

constexpr int64_t kHistoryStepMs = 10'000;
constexpr size_t kHistoryPointsMax = 360;
constexpr size_t kTimingsKept = 31;  // five minutes, both ends

// First the series that are rates per second, then those that are sizes, then times in microseconds that a
// share of the requests or changes of one step took at most.
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
  udp_p99,
  http_p99,
  lag_p50,
  lag_p99,
};
constexpr size_t kSeriesCount = 17;
constexpr size_t kRatesCount = 10;  // of the first ones

std::string_view to_string(Series series);

// By series: the count since start, or the present size. Times are not in it.
using SeriesValues = std::array<double, kSeriesCount>;
SeriesValues series_of(const NodeState& state);

class History {
 public:
  struct Point {
    int64_t unix_ms = 0;    // when it ends
    SeriesValues values{};  // a time is NaN if nothing happened
  };

  // Call it every kHistoryStepMs. Rates and times are of what happened since the last call, so the first call
  // adds no point. `mono_ms` never goes back.
  void add(int64_t mono_ms, int64_t unix_ms, const SeriesValues& now, const Timings& timings = {});

  // As added five minutes ago; those of the first call, if that was later.
  const Timings& earlier_timings() const;

  // At most kHistoryPointsMax, from the oldest to the newest.
  std::vector<Point> points() const;

 private:
  struct Before {
    int64_t mono_ms;
    SeriesValues values;
  };

  std::optional<Before> before_;
  std::deque<Timings> timings_;  // the newest last; never empty once something was added
  std::vector<Point> ring_;
  size_t next_ = 0;  // where the next point goes once the ring is full
};

// {"step_s": 10, "unix_ms": [...], "series": {"udp_announces_per_s": [...], ..., "lag_p99_us": [...]}}; null
// where nothing happened that takes time.
std::string history_json(const History& history);

}  // namespace shoal::node
