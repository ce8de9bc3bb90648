#include <doctest/doctest.h>

#include <cstdlib>
#include <vector>

#include "sync/cluster_time.h"

using namespace shoal;
using sync::ClockSample;
using sync::ClusterTime;

namespace {

constexpr int64_t kTickMs = 15'000;
constexpr int64_t kWallMs = 1'800'000'000'000;
constexpr int64_t kHourMs = 3'600'000;

// A node's clocks: the monotonic one runs on, the wall clock may be set.
struct Clocks {
  int64_t mono_us = 5'000'000;
  int64_t wall_offset_ms = kWallMs;
  ClusterTime time{1, kTickMs, mono_us, wall_ms()};

  int64_t wall_ms() const { return mono_us / 1000 + wall_offset_ms; }
  ClusterTime::Moved run(int64_t ms, const std::vector<ClockSample>& others = {}) {
    ClusterTime::Moved total;
    for (int64_t i = 0; i < ms / 500; ++i) {
      mono_us += 500'000;
      const int64_t before_ms = time.at_ms(mono_us);
      const ClusterTime::Moved moved = time.advance(mono_us, wall_ms(), others);
      if (moved.stepped_ms == 0) REQUIRE(std::abs(time.at_ms(mono_us) - before_ms) <= 50);
      total.stepped_ms += moved.stepped_ms;
      total.jumped_ms += moved.jumped_ms;
    }
    return total;
  }
  int64_t off_ms() const { return time.at_ms(mono_us) - wall_ms(); }
};

}  // namespace

TEST_CASE("cluster time: a lone node's time is its wall clock") {
  Clocks c;
  c.run(600'000);
  CHECK(c.off_ms() == 0);
  CHECK(!c.time.wall_off());
}

TEST_CASE("cluster time: a jump of the wall clock, forward or back, is ignored at first, then followed") {
  for (const int64_t jump_ms : {kHourMs, -kHourMs, 3 * kHourMs, -3 * kHourMs}) {
    Clocks c;
    c.run(100'000);
    c.wall_offset_ms += jump_ms;
    const int64_t before_ms = c.time.at_ms(c.mono_us);
    CHECK(c.run(50'000).jumped_ms == jump_ms);
    CHECK(c.time.at_ms(c.mono_us) - before_ms == 50'000);  // unaffected
    CHECK(c.time.wall_off());
    CHECK(c.time.announced_wall_ahead_ms() == 0);
    CHECK(c.time.wall_ahead_ms() == jump_ms);
    const auto moved = c.run(std::abs(jump_ms) * 101);
    CHECK(moved.stepped_ms == 0);
    CHECK(std::abs(c.off_ms()) <= 20);
    CHECK(!c.time.wall_off());
  }
}

TEST_CASE("cluster time: a jump back and forth loses nothing") {
  Clocks c;
  c.run(100'000);
  c.wall_offset_ms += kHourMs;
  c.run(1000);
  c.wall_offset_ms -= kHourMs;
  c.run(1000);
  CHECK(c.off_ms() == 0);
}

TEST_CASE("cluster time: small corrections of the wall clock are slewed to") {
  Clocks c;
  c.wall_offset_ms += 2000;
  c.run(100'000);
  CHECK(c.off_ms() == -1000);
  c.run(100'000);
  CHECK(std::abs(c.off_ms()) <= 20);
}

TEST_CASE("cluster time: a difference to the other members is slewed away ten times as fast") {
  Clocks c;
  c.run(10'000, {{2, 100'000, 2000, 2000}});  // it stays that far ahead
  CHECK(c.off_ms() == 1000);
}

TEST_CASE("cluster time: while all nodes are young, the newest have no say over older ones") {
  Clocks c;
  c.run(40'000);
  const std::vector<ClockSample> newcomers = {{2, 1000, kHourMs, kHourMs}, {3, 15'000, kHourMs, kHourMs}};
  CHECK(c.run(1000, newcomers).stepped_ms == 0);
  CHECK(c.run(1000, {{2, 30'000, kHourMs, kHourMs}, {3, 30'000, kHourMs, kHourMs}}).stepped_ms != 0);
}

TEST_CASE("cluster time: a node that starts with a wrong clock adopts the cluster's time") {
  for (const int64_t off_ms : {3 * kHourMs, -3 * kHourMs, int64_t{20'000}, int64_t{-20'000}}) {
    Clocks c;
    const std::vector<ClockSample> elder = {{2, 500'000, off_ms, off_ms}};
    CHECK(c.time.advance(c.mono_us, c.wall_ms(), elder).stepped_ms == off_ms);
    CHECK(c.time.wall_ahead_ms() == -off_ms);
    // From there on they run together.
    c.run(kHourMs, {{2, 2 * kHourMs, 0, 0}});
    CHECK(c.off_ms() == off_ms);
    CHECK(c.time.wall_off());
  }
}

TEST_CASE("cluster time: newcomers do not change it, however many") {
  Clocks c;
  c.run(100'000);
  std::vector<ClockSample> newcomers;
  for (uint64_t id = 2; id < 12; ++id) newcomers.push_back({id, 1000, kHourMs, kHourMs});
  CHECK(c.run(50'000, newcomers).stepped_ms == 0);
  CHECK(c.off_ms() == 0);
}

TEST_CASE("cluster time: among equals the median decides, and of two the elder") {
  Clocks c;
  // Three that started together, one of them off.
  CHECK(
      c.time.advance(c.mono_us, c.wall_ms(), std::vector<ClockSample>{{2, 0, 0, 0}, {3, 0, kHourMs, kHourMs}})
          .stepped_ms == 0);
  Clocks wrong;
  CHECK(wrong.time
            .advance(wrong.mono_us, wrong.wall_ms(),
                     std::vector<ClockSample>{{2, 0, kHourMs, kHourMs}, {3, 0, kHourMs + 10, kHourMs}})
            .stepped_ms == kHourMs);
  // Both of two see the same one move.
  using Samples = std::vector<ClockSample>;
  const Samples seen_by_1 = {{1, 9000, 0, 0}, {2, 4000, kHourMs, 0}};
  const Samples seen_by_2 = {{2, 4000, 0, 0}, {1, 9000, -kHourMs, 0}};
  CHECK(sync::median_sample(seen_by_1, &ClockSample::cluster_ms) == 0);
  CHECK(sync::median_sample(seen_by_2, &ClockSample::cluster_ms) == -kHourMs);
  // Started together: the id decides.
  const Samples even_1 = {{1, 4100, 0, 0}, {2, 4000, kHourMs, 0}};
  const Samples even_2 = {{2, 4050, 0, 0}, {1, 4000, -kHourMs, 0}};
  CHECK(sync::median_sample(even_1, &ClockSample::cluster_ms) == 0);
  CHECK(sync::median_sample(even_2, &ClockSample::cluster_ms) == -kHourMs);
}

TEST_CASE("cluster time: of three wall clocks the one that jumped is outvoted") {
  Clocks c;
  c.run(100'000, {{2, 100'000, 0, 0}, {3, 100'000, 0, 0}});
  c.wall_offset_ms += kHourMs;
  c.run(kHourMs, {{2, 100'000, 0, 0}, {3, 100'000, 0, 0}});
  CHECK(c.off_ms() == -kHourMs);
  CHECK(c.time.wall_off());
}
