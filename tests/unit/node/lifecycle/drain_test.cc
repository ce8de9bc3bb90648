#include "node/lifecycle/drain.h"

#include <doctest/doctest.h>

#include "node/os/monotonic.h"

using namespace shoal::node;

namespace {

// Runs the loop until nothing is left to do.
struct Loop {
  uv_loop_t uv;
  Loop() { REQUIRE(uv_loop_init(&uv) == 0); }
  ~Loop() { CHECK(uv_loop_close(&uv) == 0); }
};

}  // namespace

TEST_CASE("drain: begins once, stops once, and reports its phase") {
  Loop loop;
  int stops = 0;
  Drain drain(&loop.uv, 0, [&] {
    ++stops;
    CHECK(drain.phase() == Phase::stopping);
    drain.close();
  });
  CHECK(drain.phase() == Phase::serving);
  CHECK(!drain.begun());
  CHECK(drain.begin("test"));
  CHECK(drain.phase() == Phase::draining);
  CHECK(drain.begun());
  CHECK(!drain.begin("test"));
  CHECK(stops == 0);
  uv_run(&loop.uv, UV_RUN_DEFAULT);
  CHECK(stops == 1);
  CHECK(!drain.begin("test"));
}

TEST_CASE("drain: keeps serving for the time it was given") {
  Loop loop;
  int64_t stopped_ms = 0;
  Drain drain(&loop.uv, 1, [&] {
    stopped_ms = monotonic_ms();
    drain.close();
  });
  const int64_t begun_ms = monotonic_ms();
  drain.begin("test");
  uv_run(&loop.uv, UV_RUN_DEFAULT);
  CHECK(stopped_ms - begun_ms >= 1'000);
}
