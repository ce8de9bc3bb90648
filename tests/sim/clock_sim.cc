// Wrong clocks, and clocks that are set while nodes run: nothing is lost, and all nodes count the same ticks.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include "scenario.h"

namespace shoal::sim {
namespace {

constexpr int64_t kHourMs = 3'600'000;

int64_t spread_ms(World& world, const std::vector<size_t>& nodes) {
  int64_t least = world.cluster_ms(nodes.front());
  int64_t most = least;
  for (const size_t index : nodes) {
    least = std::min(least, world.cluster_ms(index));
    most = std::max(most, world.cluster_ms(index));
  }
  return most - least;
}

// A random time in [-span, span), at least an eighth of the span away from 0.
int64_t some_ms(World& world, int64_t span_ms) {
  const auto size =
      static_cast<int64_t>(world.prng().below(static_cast<uint32_t>(span_ms * 7 / 8))) + span_ms / 8;
  return world.prng().below(2) == 0 ? size : -size;
}

TEST_CASE("nodes that start with clocks hours apart agree on one time before they send deltas") {
  for_each_seed([](World& world) {
    for (size_t i = 0; i < 4; ++i) {
      NodeSettings settings = settings_of(i, i == 0 ? std::vector<size_t>{} : std::vector<size_t>{0});
      settings.clock_offset_ms = some_ms(world, 5 * kHourMs);
      world.start(settings);
    }
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 2 * kSecondUs));
    world.run_for(4 * kSecondUs);
    REQUIRE(spread_ms(world, world.everyone()) < 1000);
    check_converges(world, world.everyone(), 500);
    int shouting = 0;
    for (size_t i = 0; i < 4; ++i) {
      if (world.status(i).wall_off) REQUIRE(logged(world.node(i), "clock is not that of the cluster"));
      shouting += world.status(i).wall_off ? 1 : 0;
    }
    REQUIRE(shouting >= 1);
    world.run_for(600 * kSecondUs);
    REQUIRE(spread_ms(world, world.everyone()) < 1000);
  });
}

TEST_CASE("a late joiner with a wrong clock adopts the cluster's time") {
  for_each_seed([](World& world) {
    world.weather.loss = world.prng().below(2) == 0 ? 0.2 : 0;
    const size_t elders = 1 + world.prng().below(3);
    for (size_t i = 0; i < elders; ++i) {
      world.start(settings_of(i, i == 0 ? std::vector<size_t>{} : std::vector<size_t>{0}));
    }
    world.run_for(90 * kSecondUs);
    const int64_t offset_ms = world.cluster_ms(0) - world.now_of(0).unix_ms;
    for (size_t i = 0; i < 4; ++i) {
      NodeSettings settings = settings_of(elders + i, {0});
      settings.clock_offset_ms = some_ms(world, 5 * kHourMs);
      world.start(settings);
    }
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 15 * kSecondUs));
    world.run_for(3 * kSecondUs);
    REQUIRE(spread_ms(world, world.everyone()) < 1000);
    REQUIRE(std::abs(world.cluster_ms(0) - world.now_of(0).unix_ms - offset_ms) < 100);
    for (size_t i = 0; i < elders; ++i) REQUIRE(world.status(i).stats.clock_steps == 0);
    world.weather.loss = 0;
    world.run_for(5 * kSecondUs);
    check_converges(world, world.everyone(), 500);
  });
}

TEST_CASE("a wall clock that is set while the node runs changes nothing") {
  for_each_seed([](World& world) {
    start_mesh(world, 3);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 2 * kSecondUs));
    world.announce_for(20 * kSecondUs, 300, world.everyone());
    const bool all = world.prng().below(3) == 0;  // as after a migration of the whole machine
    const int64_t jump_ms = some_ms(world, 30 * kHourMs);
    for (size_t i = 0; i < (all ? 3u : 1u); ++i) world.node(i).settings.clock_offset_ms += jump_ms;
    world.announce_for(60 * kSecondUs, 600, world.everyone());
    world.run_for(kQuietUs);
    REQUIRE(world.difference(world.everyone()) == "");
    REQUIRE(spread_ms(world, world.everyone()) < 1000);
    REQUIRE(world.status(0).stats.wall_jumps == 1);
    REQUIRE(world.status(0).wall_off);
    REQUIRE(logged(world.node(0), "clock was set"));
    for (size_t i = 0; i < 3; ++i) {
      REQUIRE(world.status(i).stats.clock_steps == 0);
      REQUIRE(lost_of(world, i) == 0);
      REQUIRE(world.meshed(world.everyone()));
    }
    // Followed slowly if all clocks were set, outvoted otherwise.
    const int64_t ahead_ms = std::abs(world.status(0).wall_ahead_ms);
    world.run_for(600 * kSecondUs);
    const int64_t later_ms = std::abs(world.status(0).wall_ahead_ms);
    REQUIRE((all ? later_ms < ahead_ms - 4'000 : std::abs(later_ms - ahead_ms) < 5000));
    REQUIRE(spread_ms(world, world.everyone()) < 1000);
    check_converges(world, world.everyone(), 300);
  });
}

TEST_CASE("a node with the wrong time keeps its peers when it adopts the cluster's") {
  for_each_seed([](World& world) {
    start_mesh(world, 3);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 2 * kSecondUs));
    // A fourth node serves alone, for a shorter time than the others.
    NodeSettings settings = settings_of(3, {0});
    settings.clock_offset_ms = some_ms(world, 30 * kHourMs);
    for (const size_t other : {0u, 1u, 2u}) cut_between(world, 3, other);
    world.start(settings);
    world.run_for(20 * kSecondUs);
    world.announce_for(70 * kSecondUs, 400, world.everyone());
    const auto before = world.node(3).swarms->records();
    REQUIRE(before.size() > 50);
    world.heal();
    REQUIRE(world.run_until([&] { return spread_ms(world, world.everyone()) < 20'000; }, 30 * kSecondUs));
    REQUIRE(world.status(3).stats.clock_steps > 0);
    // Each has a clock of its own, so no record seems older or younger by more than those few seconds.
    for (const auto& [key, record] : before) {
      const auto now = world.record(3, key);
      REQUIRE(now.has_value());
    }
    REQUIRE(equal_within(world, 60 * kSecondUs));
    for (const auto& [key, record] : before) REQUIRE(world.record(0, key).has_value());
  });
}

TEST_CASE("records grow older while the machine is suspended") {
  for_each_seed([](World& world) {
    start_mesh(world, 4);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 2 * kSecondUs));
    world.run_for(70 * kSecondUs);
    node::PeerAnnounce announce;
    announce.info_hash.bytes.fill(7);
    announce.peer = common::make_endpoint_v4(0xc0000201, 6881);
    announce.event = proto::Event::started;
    const PeerKey key{announce.info_hash, announce.peer};
    world.announce(0, announce);
    world.run_for(kQuietUs);
    REQUIRE(world.record(3, key).has_value());
    const int64_t us = (600 + int64_t{world.prng().below(900)}) * kSecondUs;
    const common::Tick ticks =
        us / kSecondUs * common::kLifetimeTicks / world.node(3).settings.peer_timeout_s;
    // The peer stops meanwhile.
    world.freeze(3);
    world.run_for(us / 2);
    announce.event = proto::Event::stopped;
    world.announce(0, announce);
    world.run_for(us / 2);
    world.thaw(3, us / 2 * 2);
    REQUIRE(world.run_until([&] { return spread_ms(world, world.everyone()) < 20'000; }, 60 * kSecondUs));
    REQUIRE(common::stamp_age(world.tick(3), world.record(3, key)->stamp) >= ticks - 3);
    REQUIRE(equal_within(world, 120 * kSecondUs));
    for (const size_t index : world.everyone()) {
      REQUIRE(world.record(index, key)->state.role == proto::PeerRole::stopped);
    }
  });
}

TEST_CASE("a lone node whose clock is set keeps its peers") {
  for_each_seed([](World& world) {
    world.start(settings_of(0, {}));
    world.announce_for(20 * kSecondUs, 200, {0});
    const int64_t before_ms = world.cluster_ms(0);
    world.node(0).settings.clock_offset_ms = some_ms(world, 30 * kHourMs);
    world.run_for(50 * kSecondUs);
    REQUIRE(world.cluster_ms(0) - before_ms == 50'000);
    world.run_for(600 * kSecondUs);
    REQUIRE(std::abs(world.cluster_ms(0) - before_ms - 650'000) <= 6'500);
  });
}

TEST_CASE("a restart after the clock was set back is no stale packet") {
  for_each_seed([](World& world) {
    start_mesh(world, 3);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 2 * kSecondUs));
    world.run_for(70 * kSecondUs);
    world.crash(2);
    world.node(2).settings.clock_offset_ms -= 10 * kHourMs;
    world.run_for(kSecondUs);
    world.restart(2);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 5 * kSecondUs));
    world.run_for(2 * kSecondUs);
    REQUIRE(spread_ms(world, world.everyone()) < 1000);
    REQUIRE(!logged(world.node(0), "named"));
    world.new_swarms();
    check_converges(world, world.everyone(), 300);
  });
}

}  // namespace
}  // namespace shoal::sim
