#include "node/net/job.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace shoal::node;

namespace {

struct Loop {
  Loop() { REQUIRE(uv_loop_init(&uv) == 0); }
  ~Loop() {
    run();
    CHECK(uv_loop_close(&uv) == 0);
  }
  void run() { uv_run(&uv, UV_RUN_DEFAULT); }
  uv_loop_t uv;
};

}  // namespace

TEST_CASE("job: the work is done on another thread, what follows on the loop's with its result") {
  Loop loop;
  Job job;
  const auto here = std::this_thread::get_id();
  std::string got;
  job.start(
      &loop.uv,
      [here](const std::stop_token& stop) {
        CHECK(std::this_thread::get_id() != here);
        CHECK(!stop.stop_requested());
        return std::make_unique<std::string>("made");
      },
      [&](std::unique_ptr<std::string> made) {
        CHECK(std::this_thread::get_id() == here);
        CHECK(!job.is_running());
        got = *made;
      });
  CHECK(job.is_running());
  loop.run();
  CHECK(got == "made");
}

TEST_CASE("job: what follows may start the next one, or let the owner go") {
  Loop loop;
  auto job = std::make_unique<Job>();
  int runs = 0;
  const auto work = [](const std::stop_token& /*stop*/) { return 1; };
  job->start(&loop.uv, work, [&](int first) {
    job->start(&loop.uv, work, [&runs, &job, first](int second) {
      job.reset();
      runs += first + second;
    });
  });
  loop.run();
  CHECK(runs == 2);
  CHECK(!job);
}

TEST_CASE("job: when its owner goes the work ends by itself, is told so, and nothing follows") {
  Loop loop;
  std::promise<void> begun;
  std::atomic<bool> told{false};
  const auto owned = std::make_shared<int>(0);
  {
    Job job;
    job.start(
        &loop.uv,
        [&begun, &told, owned](const std::stop_token& stop) {
          begun.set_value();
          while (!stop.stop_requested()) std::this_thread::yield();
          told = true;
          return 0;
        },
        [](int /*result*/) { FAIL("it was dropped"); });
    begun.get_future().wait();
  }
  CHECK(owned.use_count() == 2);  // the work has its own
  loop.run();
  CHECK(told);
  CHECK(owned.use_count() == 1);
}

TEST_CASE("job: work that is cancelled before it begins never does") {
  Loop loop;
  std::promise<void> release;
  const std::shared_future<void> released(release.get_future());
  constexpr size_t kPoolThreadsMax = 1024;
  std::atomic<int> ran{0};
  std::vector<std::unique_ptr<Job>> blockers;
  // More than any pool has threads: what comes behind them waits.
  for (size_t i = 0; i < kPoolThreadsMax; ++i) {
    blockers.push_back(std::make_unique<Job>());
    blockers.back()->start(
        &loop.uv,
        [released](const std::stop_token& /*stop*/) {
          released.wait();
          return 0;
        },
        [](int /*result*/) {});
  }
  Job job;
  job.start(
      &loop.uv, [&ran](const std::stop_token& /*stop*/) { return ++ran; },
      [](int /*result*/) { FAIL("it was cancelled"); });
  job.cancel();
  CHECK(!job.is_running());
  job.start(
      &loop.uv, [](const std::stop_token& /*stop*/) { return 7; }, [&ran](int result) { ran = result; });
  release.set_value();
  loop.run();
  CHECK(ran == 7);
}
