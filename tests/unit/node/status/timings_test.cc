#include "node/status/timings.h"

#include <doctest/doctest.h>

#include "node/status/node_state.h"

using namespace shoal;
using node::Timing;

namespace {

node::Timings counted(const node::WorkerCounters& worker) {
  node::NodeState state;
  state.workers = {&worker, &worker};
  return node::timings_of(state);
}

}  // namespace

TEST_CASE("timings: a percentile is interpolated inside its range") {
  node::WorkerCounters worker;
  worker.udp[0].request_time.add(40, 90);     // 25 to 50 us
  worker.udp[1].request_time.add(2'000, 10);  // 1 to 2.5 ms
  const node::Timings now = counted(worker);
  CHECK(node::percentile_us(Timing::udp, {}, now, 0.45) == doctest::Approx(37.5));
  CHECK(node::percentile_us(Timing::udp, {}, now, 0.9) == doctest::Approx(50));
  CHECK(node::percentile_us(Timing::udp, {}, now, 0.95) == doctest::Approx(1'750));
  CHECK(node::percentile_us(Timing::udp, {}, now, 1) == doctest::Approx(2'500));
  CHECK(!node::percentile_us(Timing::http, {}, now, 0.5));
}

TEST_CASE("timings: only what happened since the earlier moment counts") {
  node::WorkerCounters worker;
  worker.http.request_time.add(900'000, 1'000);
  const node::Timings before = counted(worker);
  CHECK(!node::percentile_us(Timing::http, before, before, 0.5));
  CHECK(!node::latency_between(before, before)[static_cast<size_t>(Timing::http)]);
  worker.http.request_time.add(4, 1);
  const auto latency = node::latency_between(before, counted(worker))[static_cast<size_t>(Timing::http)];
  REQUIRE(latency);
  CHECK(latency->p50_us == doctest::Approx(2.5));
  CHECK(latency->p99_us <= 5);
}

TEST_CASE("timings: beyond the last range the greatest bound is all that is known") {
  node::NodeState state;
  state.sync.emplace().stats.lag.add(3'600'000, 5);
  const node::Timings now = node::timings_of(state);
  CHECK(node::percentile_us(Timing::lag, {}, now, 0.5) == node::longest_us(Timing::lag));
  CHECK(node::longest_us(Timing::lag) == 30e6);
  CHECK(node::longest_us(Timing::udp) == 1e6);
}
