// Lossy networks: what is lost is requested and sent again until every node holds the same.

#include <doctest/doctest.h>

#include <algorithm>

#include "scenario.h"

namespace shoal::sim {
namespace {

// Loses datagrams during 20 s of announces; returns how long after the last announce nothing is missing.
int64_t healing_us(World& world, double loss, int64_t limit_us) {
  world.weather.loss = loss;
  start_mesh(world, 3);
  REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 20 * kSecondUs));
  world.announce_for(20 * kSecondUs, 2000, world.everyone());
  int64_t waited_us = 0;
  // A pull may bring a packet's records before the packet itself.
  const auto missing = [&world] {
    const auto nodes = world.everyone();
    return std::any_of(nodes.begin(), nodes.end(), [&](size_t index) { return lost_of(world, index) > 0; });
  };
  while ((world.difference(world.everyone()) != "" || missing()) && waited_us < limit_us) {
    world.run_for(50'000);
    waited_us += 50'000;
  }
  REQUIRE(world.difference(world.everyone()) == "");
  for (const size_t index : world.everyone()) {
    REQUIRE(lost_of(world, index) == 0);
    REQUIRE(world.status(index).stats.packets_resent > 0);
  }
  return waited_us;
}

TEST_CASE("5 % loss heals within two seconds") {
  for_each_seed([](World& world) { healing_us(world, 0.05, 2 * kSecondUs); });
}

TEST_CASE("20 % loss heals within five seconds") {
  for_each_seed([](World& world) { healing_us(world, 0.2, 5 * kSecondUs); });
}

TEST_CASE("40 % loss heals within fifteen seconds") {
  for_each_seed([](World& world) { healing_us(world, 0.4, 15 * kSecondUs); });
}

TEST_CASE("loss, reorder and duplicates together heal, and repair stays in proportion") {
  for_each_seed([](World& world) {
    world.weather.delay_max_us = 300'000;
    world.weather.duplicate = 0.1;
    healing_us(world, 0.2, 5 * kSecondUs);
    for (const size_t index : world.everyone()) {
      const sync::Stats stats = world.status(index).stats;
      // Each packet goes to two members; reorder causes some needless requests.
      REQUIRE(stats.packets_resent < 3 * stats.delta_packets_sent);
      REQUIRE(stats.dropped_repair == 0);
    }
  });
}

TEST_CASE("one lost packet among many is resent once") {
  for_each_seed([](World& world) {
    world.weather.delay_max_us = 500;
    start_mesh(world, 3);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
    world.run_for(kSecondUs);
    world.announce_for(kSecondUs, 100, {0});
    world.cut(0, 1);
    world.announce_for(50'000, 5, {0});
    world.run_for(60'000);
    world.heal();
    world.announce_for(200'000, 20, {0});
    world.run_for(kQuietUs);
    REQUIRE(world.difference(world.everyone()) == "");
    const sync::Stats stats = world.status(0).stats;
    REQUIRE(stats.packets_resent >= 1);
    REQUIRE(stats.packets_resent <= 4);
    REQUIRE(world.status(1).stats.nacks_sent <= 3);
    REQUIRE(world.status(2).stats.nacks_sent == 0);
  });
}

TEST_CASE("what the origin no longer keeps is given up, counted and logged") {
  for_each_seed([](World& world) {
    start_mesh(world, 3);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
    world.announce_for(kSecondUs, 100, world.everyone());
    world.cut(0, 1);
    world.cut(1, 0);
    world.announce_for(60 * kSecondUs, 1000, world.everyone());
    world.heal();
    world.run_for(10 * kSecondUs);
    const sync::Status status = world.status(1);
    REQUIRE(status.members[0].lost > 0);
    REQUIRE(status.members[0].missing == 0);
    REQUIRE(status.stats.packets_lost == lost_of(world, 1));
    REQUIRE(logged(world.node(1), "lost beyond resending"));
    // Live again.
    world.new_swarms();
    check_converges(world, world.everyone(), 300, LossBefore::yes);
  });
}

TEST_CASE("a short cut loses nothing") {
  for_each_seed([](World& world) {
    start_mesh(world, 4);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
    world.run_for(kSecondUs);
    const bool one_way = world.prng().below(2) == 0;
    world.cut(0, 1);
    if (!one_way) world.cut(1, 0);
    world.announce_for(20 * kSecondUs, 1000, world.everyone());
    world.heal();
    world.run_for(8 * kSecondUs);
    REQUIRE(world.difference(world.everyone()) == "");
    for (const size_t index : world.everyone()) REQUIRE(lost_of(world, index) == 0);
  });
}

TEST_CASE("members that lost different packets of a group each get their own") {
  for_each_seed([](World& world) {
    for (size_t i = 0; i < 4; ++i) world.start(settings_of(i, {}, {0}));
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
    world.run_for(2 * kSecondUs);
    world.weather.loss = 0.1;
    world.announce_for(20 * kSecondUs, 1000, world.everyone());
    world.run_for(3 * kSecondUs);
    REQUIRE(world.difference(world.everyone()) == "");
  });
}

}  // namespace
}  // namespace shoal::sim
