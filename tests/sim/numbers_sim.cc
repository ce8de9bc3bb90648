// Info_hashes by number: deltas that a receiver cannot read yet wait until the origin has told it what they
// are of, whatever the network does, and members of before are sent everything in full.

#include <doctest/doctest.h>

#include <algorithm>

#include "scenario.h"

namespace shoal::sim {
namespace {

// Longer than an origin waits before it uses a number.
constexpr int64_t kSettledUs = 3 * kSecondUs;

sync::Stats stats_of(World& world, size_t node) { return world.status(node).stats; }

void start_met(World& world, size_t count) {
  start_mesh(world, count);
  REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 20 * kSecondUs));
}

// What node 0 sends per delta that it publishes, heartbeats included.
double bytes_per_delta(World& world, int64_t us, size_t announces) {
  const sync::Stats before = stats_of(world, 0);
  world.announce_for(us, announces, {0});
  world.run_for(kQuietUs);
  const sync::Stats after = stats_of(world, 0);
  return static_cast<double>(after.bytes_sent - before.bytes_sent) /
         static_cast<double>(after.deltas_published - before.deltas_published);
}

TEST_CASE("numbers: without loss nobody asks, and everything arrives") {
  for_each_seed([](World& world) {
    start_met(world, 3);
    world.run_for(2 * kSecondUs);
    // The same swarms at the same rate: first told, then by number.
    const double told = bytes_per_delta(world, kSecondUs, 2000);
    world.run_for(kSettledUs);
    const double by_number = bytes_per_delta(world, kSecondUs, 2000);
    REQUIRE(by_number < told);
    check_converges(world, world.everyone(), 1000);
    for (const size_t node : world.everyone()) {
      REQUIRE(stats_of(world, node).deltas_aside == 0);
      REQUIRE(stats_of(world, node).hashes_asked == 0);
    }
  });
}

TEST_CASE("numbers: with loss, duplicates and reordering all is told that is asked for") {
  for_each_seed([](World& world) {
    world.weather.loss = 0.1 + 0.3 * world.prng().unit();
    world.weather.duplicate = 0.1;
    world.weather.delay_max_us = 100'000;
    start_met(world, 4);
    for (int round = 0; round < 5; ++round) {
      world.new_swarms();
      world.announce_for(4 * kSecondUs, 400, world.everyone());
    }
    world.weather.loss = 0;
    world.run_for(5 * kSecondUs);
    REQUIRE(world.difference(world.everyone()) == "");
    for (const size_t node : world.everyone()) {
      REQUIRE(stats_of(world, node).dropped_aside == 0);
      REQUIRE(lost_of(world, node) == 0);
      REQUIRE(stats_of(world, node).dropped_malformed == 0);
    }
  });
}

TEST_CASE("numbers: who joins late asks for what was told before, and is told") {
  for_each_seed([](World& world) {
    world.weather.loss = world.prng().below(3) * 0.1;
    start_met(world, 3);
    world.announce_for(5 * kSecondUs, 500, {0, 1, 2});
    world.run_for(kSettledUs);
    const size_t late = world.start(settings_of(3, {1}));
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 20 * kSecondUs));
    world.announce_for(10 * kSecondUs, 500, {0, 1, 2});
    world.weather.loss = 0;
    world.run_for(3 * kSecondUs);
    REQUIRE(world.difference(world.everyone()) == "");
    const sync::Stats stats = stats_of(world, late);
    REQUIRE(stats.deltas_aside > 0);
    REQUIRE(stats.hashes_asked > 0);
    REQUIRE(stats.dropped_aside == 0);
    REQUIRE(lost_of(world, late) == 0);
    // Only it had to ask, and each of some 40 swarms of three origins about once.
    REQUIRE(stats_of(world, 0).hashes_told > 0);
    REQUIRE(stats_of(world, 0).hashes_told <= 40 * 4);
  });
}

TEST_CASE("numbers: what a new member cannot read is asked for though the answers are lost for a while") {
  for_each_seed([](World& world) {
    start_met(world, 2);
    world.announce_for(3 * kSecondUs, 300, {0});
    world.run_for(kSettledUs);
    const size_t late = world.start(settings_of(2, {0, 1}));
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 5 * kSecondUs));
    // Its asks do not arrive.
    world.cut_datagrams(late, 0);
    world.announce_for(kSecondUs, 100, {0});
    world.run_for(kQuietUs);
    REQUIRE(stats_of(world, late).hashes_asked > 0);
    REQUIRE(stats_of(world, 0).hashes_told == 0);
    world.heal();
    world.run_for(kQuietUs);
    REQUIRE(stats_of(world, 0).hashes_told > 0);
    REQUIRE(stats_of(world, late).dropped_aside == 0);
    REQUIRE(world.difference(world.everyone()) == "");
  });
}

TEST_CASE("numbers: a new run of an origin begins anew, and of a receiver knows nothing") {
  for_each_seed([](World& world) {
    world.weather.loss = world.prng().below(2) * 0.2;
    start_met(world, 3);
    for (const size_t node : {0u, 1u}) {
      world.announce_for(5 * kSecondUs, 400, world.everyone());
      world.crash(node);
      world.run_for(kSecondUs);
      world.restart(node);
      REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 20 * kSecondUs));
      world.new_swarms();
    }
    world.announce_for(5 * kSecondUs, 400, world.everyone());
    world.weather.loss = 0;
    world.run_for(3 * kSecondUs);
    REQUIRE(world.difference(world.everyone()) == "");
    for (const size_t node : world.everyone()) REQUIRE(lost_of(world, node) == 0);
  });
}

TEST_CASE("numbers: keys are replaced while they are in use") {
  for_each_seed([](World& world) {
    world.weather.loss = 0.2;
    start_met(world, 3);
    const auto before = key_of(7);
    const auto after = key_of(9);
    world.announce_for(5 * kSecondUs, 300, world.everyone());
    for (const auto& keys : {std::vector{before, after}, std::vector{after, before}, std::vector{after}}) {
      for (const size_t node : world.everyone()) {
        world.set_keys(node, keys);
        world.announce_for(kSecondUs, 60, world.everyone());
      }
    }
    world.weather.loss = 0;
    world.run_for(3 * kSecondUs);
    REQUIRE(world.difference(world.everyone()) == "");
    for (const size_t node : world.everyone()) {
      REQUIRE(lost_of(world, node) == 0);
      REQUIRE(stats_of(world, node).dropped_aside == 0);
    }
  });
}

TEST_CASE("numbers: a swarm whose last peer has expired comes back by its number") {
  for_each_seed([](World& world) {
    for (size_t i = 0; i < 2; ++i) {
      NodeSettings settings = settings_of(i, i == 0 ? std::vector<size_t>{} : std::vector<size_t>{0});
      settings.peer_timeout_s = 360;
      world.start(settings);
    }
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 5 * kSecondUs));
    world.announce_for(kSecondUs, 200, {0});
    world.run_for(400 * kSecondUs);
    REQUIRE(world.records(1).empty());
    world.announce_for(kSecondUs, 200, {0});
    world.run_for(kQuietUs);
    REQUIRE(!world.records(1).empty());
    REQUIRE(world.difference(world.everyone()) == "");
    REQUIRE(stats_of(world, 1).deltas_aside == 0);
  });
}

TEST_CASE("numbers: by multicast one packet serves all, and a newcomer asks by itself") {
  for_each_seed([](World& world) {
    for (size_t i = 0; i < 3; ++i) world.start(settings_of(i, {}, {0}));
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 5 * kSecondUs));
    world.run_for(2 * kSecondUs);
    world.announce_for(3 * kSecondUs, 300, {0});
    world.run_for(kSettledUs);
    const size_t late = world.start(settings_of(3, {}, {0}));
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 5 * kSecondUs));
    world.run_for(2 * kSecondUs);
    world.announce_for(3 * kSecondUs, 300, {0});
    world.run_for(kQuietUs);
    REQUIRE(world.difference(world.everyone()) == "");
    REQUIRE(stats_of(world, late).hashes_asked > 0);
    REQUIRE(stats_of(world, 1).hashes_asked == 0);
  });
}

TEST_CASE(
    "numbers: while a member of before is up, all goes in full, and nothing is lost on either side of it") {
  for_each_seed([](World& world) {
    world.weather.loss = world.prng().below(2) * 0.1;
    start_met(world, 3);
    world.announce_for(5 * kSecondUs, 400, {0, 1, 2});
    world.run_for(kSettledUs);
    NodeSettings before = settings_of(3, {0});
    before.numbered = false;
    const size_t old = world.start(before);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 20 * kSecondUs));
    world.run_for(kSecondUs);
    world.new_swarms();
    world.announce_for(5 * kSecondUs, 400, world.everyone());
    world.run_for(2 * kSecondUs);
    REQUIRE(world.difference(world.everyone()) == "");
    for (const size_t node : world.everyone()) {
      REQUIRE(stats_of(world, node).dropped_malformed == 0);
      REQUIRE(lost_of(world, node) == 0);
    }
    REQUIRE(stats_of(world, old).hashes_asked == 0);
    // Once it has been upgraded, numbers are used again: a newcomer shows it.
    world.stop(old);
    world.node(old).settings.numbered = true;
    world.restart(old);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 20 * kSecondUs));
    world.announce_for(8 * kSecondUs, 600, {0, 1, 2});
    const size_t late = world.start(settings_of(4, {0}));
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 20 * kSecondUs));
    world.announce_for(4 * kSecondUs, 300, {0, 1, 2});
    REQUIRE(stats_of(world, late).deltas_aside > 0);
    // What is announced once it has joined does not wait for pulls.
    world.new_swarms();
    world.announce_for(6 * kSecondUs, 400, world.everyone());
    world.weather.loss = 0;
    world.run_for(3 * kSecondUs);
    REQUIRE(world.difference(world.everyone()) == "");
    for (const size_t node : world.everyone()) {
      REQUIRE(stats_of(world, node).dropped_aside == 0);
      REQUIRE(lost_of(world, node) == 0);
    }
    // What was before does.
    REQUIRE(world.run_until([&] { return world.difference_in_all(world.everyone()) == ""; }, 20 * kSecondUs));
  });
}

TEST_CASE("numbers: who leaves in good order stays until all have been told what it named") {
  for_each_seed([](World& world) {
    start_met(world, 2);
    world.announce_for(3 * kSecondUs, 300, {0});
    world.run_for(kSettledUs);
    const size_t late = world.start(settings_of(2, {0, 1}));
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 5 * kSecondUs));
    world.weather.loss = 0.4;
    world.announce_for(200'000, 100, {0});
    world.stop(0);
    world.weather.loss = 0;
    REQUIRE(stats_of(world, late).dropped_aside == 0);
    REQUIRE(world.difference({1, late}) == "");
  });
}

}  // namespace
}  // namespace shoal::sim
