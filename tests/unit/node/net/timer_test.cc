#include "node/net/timer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "node/os/monotonic.h"

using namespace shoal::node;

namespace {

struct Loop {
  Loop() { REQUIRE(uv_loop_init(&uv) == 0); }
  ~Loop() { CHECK(uv_loop_close(&uv) == 0); }
  void run() { uv_run(&uv, UV_RUN_DEFAULT); }
  uv_loop_t uv;
};

}  // namespace

TEST_CASE("timer: runs once when its time has come, from now and not from when the loop last looked") {
  Loop loop;
  int runs = 0;
  {
    Timer timer(&loop.uv, [&] { ++runs; });
    loop.run();
    CHECK(runs == 0);  // nothing was planned
    const int64_t begun_ms = monotonic_ms();
    while (monotonic_ms() < begun_ms + 30) continue;  // the loop's time is old now
    const int64_t started_ms = monotonic_ms();
    timer.start(20);
    CHECK(timer.is_active());
    loop.run();
    CHECK(runs == 1);
    CHECK(monotonic_ms() - started_ms >= 20);
    CHECK(!timer.is_active());
  }
  loop.run();
}

TEST_CASE("timer: again and again until it is stopped, and anew when it is started anew") {
  Loop loop;
  {
    int runs = 0;
    std::optional<Timer> timer;
    timer.emplace(&loop.uv, [&] {
      if (++runs == 3) timer->stop();
    });
    timer->start(1, 1);
    loop.run();
    CHECK(runs == 3);
    timer->start(3'600'000);
    timer->start(0);
    loop.run();
    CHECK(runs == 4);
  }
  loop.run();
}

TEST_CASE("timer: its owner may go inside the call, or before it") {
  Loop loop;
  int runs = 0;
  std::unique_ptr<Timer> timer;
  timer = std::make_unique<Timer>(&loop.uv, [&runs, &timer, kept = std::make_shared<int>(1)] {
    timer.reset();
    runs += *kept;  // what the call holds is still there
  });
  timer->start(0, 1);
  Timer(&loop.uv, [&runs] { ++runs; }).start(0);
  loop.run();
  CHECK(runs == 1);
}

TEST_CASE("timer: a closed one may outlive its loop, and starts no more") {
  int runs = 0;
  std::optional<Timer> timer;
  {
    Loop loop;
    timer.emplace(&loop.uv, [&] { ++runs; });
    timer->start(0);
    timer->close();
    timer->close();
    timer->start(0);
    timer->stop();
    CHECK(!timer->is_active());
    loop.run();
  }
  timer.reset();
  CHECK(runs == 0);
}

TEST_CASE("timer: those of whole seconds run together, whenever they were started") {
  Loop loop;
  {
    // When they ran, by the loop's clock: it stands still while the timers of a turn run.
    std::vector<uint64_t> first_ms;
    std::vector<uint64_t> second_ms;
    std::vector<uint64_t> once_ms;
    Timer first(&loop.uv, [&] { first_ms.push_back(uv_now(&loop.uv)); });
    Timer once(&loop.uv, [&] { once_ms.push_back(uv_now(&loop.uv)); });
    Timer second(&loop.uv, [&] {
      second_ms.push_back(uv_now(&loop.uv));
      if (second_ms.size() == 2) uv_stop(&loop.uv);
    });
    first.start_every_s(1);
    const int64_t begun_ms = monotonic_ms();
    while (monotonic_ms() < begun_ms + 7) continue;
    once.start_at_second();
    second.start_every_s(1);
    loop.run();
    // Once more, if a second began between two starts.
    REQUIRE(first_ms.size() >= 2);
    CHECK(std::vector(first_ms.end() - 2, first_ms.end()) == second_ms);
    CHECK(once_ms.size() == 1);
    CHECK(std::find(first_ms.begin(), first_ms.end(), once_ms.front()) != first_ms.end());
    first.stop();
    second.stop();
    CHECK(!first.is_active());
  }
  loop.run();
}
