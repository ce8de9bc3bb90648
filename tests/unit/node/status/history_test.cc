#include "node/status/history.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

using namespace shoal;
using node::Series;

namespace {

double& at(node::SeriesValues& values, Series series) { return values[static_cast<size_t>(series)]; }

}  // namespace

TEST_CASE("history: rates are per elapsed time, gauges are taken as they are") {
  node::History history;
  node::SeriesValues values{};
  at(values, Series::udp_announces) = 1000;
  at(values, Series::swarms) = 7;
  history.add(5'000, 100'000, values);
  CHECK(history.points().empty());

  at(values, Series::udp_announces) = 1500;
  at(values, Series::swarms) = 9;
  history.add(25'000, 120'000, values);  // late: 20 s instead of 10
  auto points = history.points();
  REQUIRE(points.size() == 1);
  CHECK(points[0].unix_ms == 120'000);
  CHECK(at(points[0].values, Series::udp_announces) == doctest::Approx(25));
  CHECK(at(points[0].values, Series::swarms) == 9);

  at(values, Series::udp_announces) = 1400;  // a counter that went back gives no negative rate
  history.add(35'000, 130'000, values);
  CHECK(at(history.points()[1].values, Series::udp_announces) == 0);
}

TEST_CASE("history: a second call at the same moment adds no point") {
  node::History history;
  history.add(1'000, 0, {});
  history.add(1'000, 0, {});
  CHECK(history.points().empty());
}

TEST_CASE("history: the ring keeps the last hour, oldest first") {
  node::History history;
  const int64_t calls = node::kHistoryPointsMax + 51;
  for (int64_t i = 0; i < calls; ++i) history.add(i * node::kHistoryStepMs, i, {});
  const auto points = history.points();
  REQUIRE(points.size() == node::kHistoryPointsMax);
  for (size_t i = 0; i < points.size(); ++i) CHECK(points[i].unix_ms == static_cast<int64_t>(i) + 51);
}

TEST_CASE("history: the series of a node's state") {
  node::WorkerCounters worker;
  worker.udp[0].announces.add(3);
  worker.udp[1].announces.add(4);
  worker.udp[1].dropped_malformed.add(1);
  worker.http_tracker[0].announces.add(5);
  worker.http.bytes_sent.add(100);
  worker.udp[0].bytes_sent.add(11);
  node::NodeState state;
  state.workers = {&worker, &worker};
  state.store.seeders_v4 = 1;
  state.store.seeders_v6 = 2;
  state.sync = sync::Status{};
  state.sync->stats.deltas_received = 8;
  auto values = node::series_of(state);
  CHECK(at(values, Series::udp_announces) == 14);
  CHECK(at(values, Series::http_announces) == 10);
  CHECK(at(values, Series::dropped) == 2);
  CHECK(at(values, Series::bytes_sent) == 222);
  CHECK(at(values, Series::seeders) == 3);
  CHECK(at(values, Series::deltas_received) == 8);
}

TEST_CASE("history: times are those of each step; none where nothing happened") {
  node::History history;
  node::WorkerCounters worker;
  node::NodeState state;
  state.workers = {&worker};
  worker.udp[0].request_time.add(400'000, 1'000);  // before the first call
  history.add(0, 0, {}, node::timings_of(state));
  worker.udp[0].request_time.add(40, 100);
  history.add(10'000, 10'000, {}, node::timings_of(state));
  history.add(20'000, 20'000, {}, node::timings_of(state));
  auto points = history.points();
  CHECK(at(points[0].values, Series::udp_p99) == doctest::Approx(49.75));
  CHECK(std::isnan(at(points[0].values, Series::http_p99)));
  CHECK(std::isnan(at(points[1].values, Series::udp_p99)));
  const auto json = nlohmann::json::parse(node::history_json(history));
  CHECK(json["series"]["udp_p99_us"][0] == doctest::Approx(49.8));
  CHECK(json["series"]["udp_p99_us"][1] == nullptr);
}

TEST_CASE("history: remembers the timings of five minutes ago") {
  node::History history;
  const auto timings = [](uint64_t count) {
    node::Timings out;
    out.counts[0][0] = count;
    return out;
  };
  CHECK(history.earlier_timings().counts[0][0] == 0);
  for (uint64_t i = 0; i <= 100; ++i) {
    history.add(static_cast<int64_t>(i) * node::kHistoryStepMs, 0, {}, timings(i + 1));
    CHECK(history.earlier_timings().counts[0][0] == (i < 30 ? 1 : i - 29));
  }
}

TEST_CASE("history: as JSON, a column for each series") {
  node::History history;
  node::SeriesValues values{};
  history.add(0, 0, values);
  at(values, Series::scrapes) = 12.34;
  history.add(1'000, 1'700'000'000'000, values);
  const auto json = nlohmann::json::parse(node::history_json(history));
  CHECK(json["step_s"] == 10);
  CHECK(json["unix_ms"] == nlohmann::json::array({1'700'000'000'000}));
  CHECK(json["series"].size() == node::kSeriesCount);
  for (const auto& column : json["series"]) CHECK(column.size() == 1);
  CHECK(json["series"]["scrapes_per_s"][0] == doctest::Approx(12.3));
}
