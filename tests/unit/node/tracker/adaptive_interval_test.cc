#include "node/tracker/adaptive_interval.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <queue>
#include <vector>

#include "common/prng.h"

using namespace shoal;
using node::AdaptiveInterval;

namespace {

constexpr int64_t kSecondUs = 1'000'000;

// Clients of a cluster: each announces again after the interval it was given, plus or minus a tenth.
struct Clients {
  explicit Clients(size_t nodes, AdaptiveInterval::Settings settings) {
    for (size_t i = 0; i < nodes; ++i) controls.emplace_back(settings);
  }

  // `count` more, at random moments of the next `within_s` seconds.
  void join(size_t count, int within_s) {
    for (size_t i = 0; i < count; ++i) due.push(now_s + prng.unit() * within_s);
  }

  void leave_all() { due = {}; }

  void run(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      double announces = 0;
      while (!due.empty() && due.top() < now_s + 1) {
        const double at = due.top();
        due.pop();
        ++announces;
        const uint32_t interval_s = controls[prng.below(controls.size())].interval_s();
        due.push(at + interval_s * (0.9 + 0.2 * prng.unit()));
      }
      now_s += 1;
      rate += (announces - rate) * 0.1;
      step();
    }
  }

  void step() {
    std::vector<uint32_t> told;
    for (const AdaptiveInterval& control : controls)
      told.push_back(control.settled() ? control.interval_s() : 0);
    for (size_t i = 0; i < controls.size(); ++i) {
      std::vector<uint32_t> others;
      for (size_t k = 0; k < told.size(); ++k) {
        if (k != i && told[k] > 0) others.push_back(told[k]);
      }
      controls[i].step(static_cast<int64_t>(now_s) * kSecondUs, rate, others);
    }
  }

  common::Prng prng{17};
  std::vector<AdaptiveInterval> controls;
  std::priority_queue<double, std::vector<double>, std::greater<>> due;
  double now_s = 0;
  double rate = 0;
};

constexpr AdaptiveInterval::Settings kSettings{.interval_s = 600, .interval_max_s = 6000, .target_rps = 50};

}  // namespace

TEST_CASE("adaptive interval: below the target it is the configured one") {
  Clients clients(2, kSettings);
  clients.join(20'000, 600);  // 33 a second
  clients.run(3 * 600);
  for (const AdaptiveInterval& control : clients.controls) CHECK(control.interval_s() == 600);
}

TEST_CASE("adaptive interval: above it, the rate settles near the target") {
  Clients clients(3, kSettings);
  clients.join(90'000, 600);  // 150 a second
  clients.run(8 * 1800);
  double sum = 0;
  double most = 0;
  for (int i = 0; i < 1800; ++i) {
    clients.run(1);
    sum += clients.rate;
    most = std::max(most, clients.rate);
  }
  CHECK(sum / 1800 == doctest::Approx(50).epsilon(0.15));
  CHECK(most < 100);
  CHECK(clients.controls[0].interval_s() == doctest::Approx(1800).epsilon(0.25));
  for (const AdaptiveInterval& control : clients.controls) {
    CHECK(control.interval_s() == doctest::Approx(clients.controls[0].interval_s()).epsilon(0.01));
  }
  // It falls again when the clients leave.
  clients.leave_all();
  clients.join(10'000, 600);
  clients.run(4 * 1800);
  CHECK(clients.controls[0].interval_s() == 600);
}

TEST_CASE("adaptive interval: never longer than allowed") {
  Clients clients(1, kSettings);
  clients.join(2'000'000, 60);
  for (int i = 0; i < 100; ++i) {
    clients.step();
    clients.rate = 1e9;
    clients.now_s += 100;
    CHECK(clients.controls[0].interval_s() >= 600);
    CHECK(clients.controls[0].interval_s() <= 6000);
  }
  CHECK(clients.controls[0].interval_s() > 1500);
}

TEST_CASE("adaptive interval: a node that starts adopts the others' interval") {
  AdaptiveInterval control(kSettings);
  const std::vector<uint32_t> others = {2000, 2000};
  for (int i = 0; i < 4; ++i) control.step(i * kSecondUs, 50, others);
  CHECK(!control.settled());
  CHECK(control.interval_s() == doctest::Approx(2000).epsilon(0.01));
  for (int i = 4; i < 20; ++i) control.step(i * kSecondUs, 50, others);
  CHECK(control.settled());
  CHECK(control.interval_s() == doctest::Approx(2000).epsilon(0.01));
  // Nonsense from another node stays within the limits.
  for (int i = 20; i < 40; ++i) control.step(i * kSecondUs, 50, std::vector<uint32_t>{4'000'000'000U, 1U});
  CHECK(control.interval_s() >= 600);
  CHECK(control.interval_s() <= 6000);
}

TEST_CASE("adaptive interval: new settings start from the current interval") {
  AdaptiveInterval control(kSettings);
  for (int i = 0; i < 20; ++i) control.step(i * kSecondUs, 50, std::vector<uint32_t>{2000});
  CHECK(control.interval_s() == doctest::Approx(2000).epsilon(0.01));
  control.set({.interval_s = 300, .interval_max_s = 3000, .target_rps = 50});
  CHECK(control.interval_s() == doctest::Approx(2000).epsilon(0.01));
  control.set({.interval_s = 300, .interval_max_s = 900, .target_rps = 50});
  CHECK(control.interval_s() == 900);
  control.set({.interval_s = 1200, .interval_max_s = 1200, .target_rps = 50});
  CHECK(control.interval_s() == 1200);
}

TEST_CASE("rate meter: follows a counter within about ten seconds") {
  node::RateMeter meter;
  CHECK(meter.read(1000, 5 * kSecondUs) == 0);
  uint64_t count = 1000;
  for (int i = 6; i < 60; ++i) meter.read(count += 70, i * kSecondUs);
  CHECK(meter.per_s() == doctest::Approx(70).epsilon(0.02));
  CHECK(meter.read(count, 60 * kSecondUs - kSecondUs) == meter.per_s());  // no time has passed
  for (int i = 60; i < 120; ++i) meter.read(count, i * kSecondUs);
  CHECK(meter.per_s() < 1);
}
