#include "node/status/history.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "node/status/request_totals.h"

namespace shoal::node {

namespace {

constexpr std::array<std::string_view, kSeriesCount> kNames = {"udp_announces_per_s",
                                                               "http_announces_per_s",
                                                               "udp_connects_per_s",
                                                               "scrapes_per_s",
                                                               "refused_per_s",
                                                               "dropped_per_s",
                                                               "bytes_received_per_s",
                                                               "bytes_sent_per_s",
                                                               "deltas_sent_per_s",
                                                               "deltas_received_per_s",
                                                               "swarms",
                                                               "seeders",
                                                               "leechers",
                                                               "udp_p99_us",
                                                               "http_p99_us",
                                                               "lag_p50_us",
                                                               "lag_p99_us"};

struct TimeSeries {
  Series series;
  Timing timing;
  double share;
};
constexpr TimeSeries kTimes[] = {{Series::udp_p99, Timing::udp, 0.99},
                                 {Series::http_p99, Timing::http, 0.99},
                                 {Series::lag_p50, Timing::lag, 0.5},
                                 {Series::lag_p99, Timing::lag, 0.99}};

// To one decimal.
double rounded(double value) { return std::round(value * 10) / 10; }

}  // namespace

std::string_view to_string(Series series) { return kNames[static_cast<size_t>(series)]; }

SeriesValues series_of(const NodeState& state) {
  SeriesValues values{};
  const auto set = [&](Series series, uint64_t value) {
    values[static_cast<size_t>(series)] = static_cast<double>(value);
  };
  const RequestTotals totals = request_totals(state);
  set(Series::udp_announces, totals.udp_announces);
  set(Series::http_announces, totals.http_announces);
  set(Series::udp_connects, totals.udp_connects);
  set(Series::scrapes, totals.udp_scrapes + totals.http_scrapes);
  set(Series::refused, totals.udp_errors + totals.http_failures + totals.http_bad_requests);
  set(Series::dropped, totals.udp_dropped);
  set(Series::bytes_received, totals.bytes_received);
  set(Series::bytes_sent, totals.bytes_sent);
  if (state.sync) {
    set(Series::deltas_sent, state.sync->stats.deltas_published);
    set(Series::deltas_received, state.sync->stats.deltas_received);
  }
  set(Series::swarms, state.store.swarms);
  set(Series::seeders, state.store.seeders_v4 + state.store.seeders_v6);
  set(Series::leechers, state.store.leechers_v4 + state.store.leechers_v6);
  return values;
}

void History::add(int64_t mono_ms, int64_t unix_ms, const SeriesValues& now, const Timings& timings) {
  if (before_ && mono_ms > before_->mono_ms) {
    Point point{unix_ms, now};
    const double seconds = static_cast<double>(mono_ms - before_->mono_ms) / 1000;
    for (size_t i = 0; i < kRatesCount; ++i) {
      point.values[i] = std::max(0.0, now[i] - before_->values[i]) / seconds;
    }
    for (const auto& [series, timing, share] : kTimes) {
      point.values[static_cast<size_t>(series)] =
          percentile_us(timing, timings_.back(), timings, share).value_or(std::nan(""));
    }
    if (ring_.size() < kHistoryPointsMax) {
      ring_.push_back(point);
    } else {
      ring_[next_] = point;
      next_ = (next_ + 1) % kHistoryPointsMax;
    }
  }
  if (before_ && mono_ms == before_->mono_ms) return;
  before_ = Before{mono_ms, now};
  timings_.push_back(timings);
  if (timings_.size() > kTimingsKept) timings_.pop_front();
}

const Timings& History::earlier_timings() const {
  static const Timings kNone;
  return timings_.empty() ? kNone : timings_.front();
}

std::vector<History::Point> History::points() const {
  std::vector<Point> points = ring_;
  std::rotate(points.begin(), points.begin() + static_cast<ptrdiff_t>(next_), points.end());
  return points;
}

std::string history_json(const History& history) {
  using Json = nlohmann::ordered_json;
  const auto points = history.points();
  Json times = Json::array();
  for (const History::Point& point : points) times.push_back(point.unix_ms);
  Json series = Json::object();
  for (size_t i = 0; i < kSeriesCount; ++i) {
    Json& values = series[std::string(kNames[i])] = Json::array();
    for (const History::Point& point : points) values.push_back(rounded(point.values[i]));
  }
  return Json{{"step_s", kHistoryStepMs / 1000}, {"unix_ms", times}, {"series", series}}.dump() + "\n";
}

}  // namespace shoal::node
