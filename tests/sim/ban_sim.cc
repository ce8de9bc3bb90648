// Bans: one that a node makes is in force on all of them within a second, and all end together, whatever the
// network does.

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "scenario.h"

namespace shoal::sim {
namespace {

using proto::Offence;

proto::BanPrefix address(uint32_t number) {
  return {4, 198, 51, static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)};
}

bool banned(World& world, size_t node, const proto::BanPrefix& prefix) {
  const auto ban = world.node(node).bans->find(prefix);
  return ban && sync::in_force(*ban, world.cluster_ms(node));
}

bool banned_on_all(World& world, const proto::BanPrefix& prefix) {
  const auto nodes = world.everyone();
  return std::all_of(nodes.begin(), nodes.end(), [&](size_t node) { return banned(world, node, prefix); });
}

bool same_bans(World& world) {
  const auto nodes = world.everyone();
  return std::all_of(nodes.begin(), nodes.end(), [&](size_t node) {
    return world.node(node).bans->digest() == world.node(0).bans->digest();
  });
}

void start_met(World& world, size_t count) {
  start_mesh(world, count);
  REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 20 * kSecondUs));
}

common::InfoHash numbered(uint32_t number) {
  common::InfoHash hash;
  hash.bytes[0] = static_cast<uint8_t>(number);
  hash.bytes[1] = static_cast<uint8_t>(number >> 8);
  return hash;
}

TEST_CASE("a ban is in force on all five nodes within a second, at 20 % loss") {
  int64_t slowest_us = 0;
  const auto run = [&](World& world) {
    start_met(world, 5);
    world.weather.loss = 0.2;
    world.run_for(kSecondUs);
    const int64_t began_us = world.now_us();
    REQUIRE(world.ban(world.prng().below(5), address(1), {60, Offence::ports, 0, false}));
    REQUIRE(world.run_until([&] { return banned_on_all(world, address(1)); }, kSecondUs));
    slowest_us = std::max(slowest_us, world.now_us() - began_us);
  };
  for_each_seed(run, 40);
  MESSAGE("the slowest took " << slowest_us / 1000 << " ms");
}

TEST_CASE("bans of both sides of a cut meet when it heals, and a lifted one stays lifted") {
  const auto run = [](World& world) {
    start_met(world, 4);
    REQUIRE(world.ban(0, address(1), {3600, Offence::ports, 0, false}));
    REQUIRE(world.run_until([&] { return banned_on_all(world, address(1)); }, kSecondUs));
    for (const size_t a : {0, 1}) {
      for (const size_t b : {2, 3}) world.cut(a, b), world.cut(b, a);
    }
    world.run_for(5 * kSecondUs);
    REQUIRE(world.ban(0, address(2), {3600, Offence::ports, 0, false}));
    REQUIRE(world.ban(3, address(3), {3600, Offence::over_rate, 0, false}));
    REQUIRE(world.ban(2, address(1), {3600, Offence::by_hand, 0, true}));
    world.run_for(5 * kSecondUs);
    CHECK(banned(world, 0, address(1)));
    CHECK(!banned(world, 3, address(2)));
    world.heal();
    REQUIRE(world.run_until([&] { return same_bans(world); }, 20 * kSecondUs));
    for (const size_t node : world.everyone()) {
      CHECK(!banned(world, node, address(1)));
      CHECK(banned(world, node, address(2)));
      CHECK(banned(world, node, address(3)));
    }
  };
  for_each_seed(run);
}

TEST_CASE("a node that starts again gets the bans from the others, however many, and all end together") {
  World world(7);
  start_met(world, 3);
  for (uint32_t i = 0; i < 3000; ++i) {
    REQUIRE(world.ban(0, address(i), {60 + i % 3, Offence::ports, 0, false}));
  }
  REQUIRE(world.run_until([&] { return same_bans(world); }, 20 * kSecondUs));
  world.crash(1);
  world.run_for(2 * kSecondUs);
  world.restart(1);
  REQUIRE(world.run_until([&] { return same_bans(world); }, 20 * kSecondUs));
  CHECK(world.node(1).bans->size() == 3000);
  CHECK(banned_on_all(world, address(2999)));
  world.run_for(90 * kSecondUs);
  for (const size_t node : world.everyone()) CHECK(!banned(world, node, address(2)));
}

TEST_CASE("a node whose clock is a day ahead bans nobody for longer, once the others have corrected it") {
  World world(9);
  start_met(world, 3);
  world.run_for(60 * kSecondUs);
  NodeSettings late = settings_of(3, {0}, {});
  late.clock_offset_ms = 24LL * 3'600'000;
  const size_t false_clock = world.start(late);
  // Before it has heard anybody.
  REQUIRE(world.ban(false_clock, address(1), {proto::kBanLongestS, Offence::ports, 0, false}));
  REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 20 * kSecondUs));
  world.run_for(10 * kSecondUs);
  REQUIRE(world.run_until([&] { return same_bans(world); }, 20 * kSecondUs));
  for (const size_t node : world.everyone()) CHECK(!banned(world, node, address(1)));
}

TEST_CASE("what a node said is taken back on all nodes, and does not come back with one that was away") {
  const auto run = [](World& world) {
    start_met(world, 4);
    world.weather.loss = 0.2;
    for (uint32_t i = 0; i < 500; ++i) {
      REQUIRE(world.ban(3, address(i), {3600, Offence::ports, 0, false}));
      world.change_access(3, numbered(i), true);
    }
    REQUIRE(world.ban(1, address(1000), {3600, Offence::ports, 0, false}));
    world.change_access(1, numbered(1000), true);
    REQUIRE(world.run_until([&] { return same_bans(world); }, 60 * kSecondUs));
    const auto same_lists = [&] {
      const auto nodes = world.everyone();
      return std::all_of(nodes.begin(), nodes.end(), [&](size_t node) {
        return world.node(node).access->digest() == world.node(0).access->digest();
      });
    };
    REQUIRE(world.run_until(same_lists, 60 * kSecondUs));
    // One is away when the others forget, and comes back with all of it.
    world.freeze(2);
    world.crash(3);
    world.run_for(10 * kSecondUs);
    world.forget_bans_of(0, World::stamp_id(3));
    world.forget_access_of(1, World::stamp_id(3));
    world.run_for(10 * kSecondUs);
    world.thaw(2);
    const auto forgotten_on = [&](size_t node) {
      return world.node(node).bans->size() == 1 && world.node(node).access->size() == 1;
    };
    REQUIRE(world.run_until([&] { return forgotten_on(0) && forgotten_on(1) && forgotten_on(2); },
                            60 * kSecondUs));
    world.run_for(20 * kSecondUs);
    for (const size_t node : {0, 1, 2}) CHECK(forgotten_on(node));
  };
  for_each_seed(run);
}

bool same_access(World& world, const std::vector<size_t>& nodes) {
  return std::all_of(nodes.begin(), nodes.end(), [&](size_t node) {
    return world.node(node).access->digest() == world.node(0).access->digest();
  });
}

TEST_CASE("what a liar made under many node ids, and under those of others, is taken back on all nodes") {
  const auto run = [](World& world) {
    start_met(world, 4);
    world.weather.loss = 0.1;
    for (uint32_t i = 0; i < 500; ++i) {
      const uint64_t made_by = i % 3 == 0 ? World::stamp_id(i % 2) : world.prng().next();
      REQUIRE(world.ban(3, address(i), {3600, Offence::ports, 0, false}, made_by));
      world.change_access(3, numbered(i), true, made_by);
    }
    REQUIRE(world.run_until(
        [&] {
          return same_bans(world) && same_access(world, {0, 1, 2, 3});
        },
        60 * kSecondUs));
    REQUIRE(world.node(0).bans->size() == 500);
    // By the name that he had hardly anything can be found.
    world.crash(3);
    world.forget_bans_of(0, World::stamp_id(3));
    world.run_for(5 * kSecondUs);
    CHECK(world.node(1).bans->size() == 500);
    world.freeze(2);
    world.run_for(10 * kSecondUs);
    world.forget_bans_of(0, proto::kEverybody);
    world.forget_access_of(1, proto::kEverybody);
    // What is made from now on is kept.
    REQUIRE(world.ban(1, address(1000), {3600, Offence::ports, 0, false}));
    world.run_for(10 * kSecondUs);
    REQUIRE(world.ban(0, address(1001), {3600, Offence::ports, 0, false}));
    world.change_access(1, numbered(1000), true);
    world.thaw(2);
    const auto left = [&](size_t node) {
      // That of node 1 was perhaps made before it knew.
      const size_t bans = world.node(node).bans->size();
      return bans >= 1 && bans <= 2 && world.node(node).access->size() == 1 &&
             banned(world, node, address(1001));
    };
    REQUIRE(world.run_until([&] { return left(0) && left(1) && left(2); }, 60 * kSecondUs));
    world.run_for(20 * kSecondUs);
    for (const size_t node : {0, 1, 2}) CHECK(left(node));
    CHECK(same_access(world, {0, 1, 2}));
  };
  for_each_seed(run);
}

TEST_CASE("a node whose key was taken away bans nobody, and what it banned before can be taken back") {
  const auto run = [](World& world) {
    start_met(world, 4);
    const sync::ClusterKey before = key_of(7);
    const sync::ClusterKey after = key_of(9);
    REQUIRE(world.ban(3, address(1), {3600, Offence::ports, 0, false}));
    REQUIRE(world.ban(2, address(2), {3600, Offence::ports, 0, false}));
    REQUIRE(world.run_until(
        [&] { return banned_on_all(world, address(1)) && banned_on_all(world, address(2)); }, kSecondUs));
    for (const auto& keys : {std::vector{before, after}, std::vector{after, before}, std::vector{after}}) {
      for (const size_t node : {0, 1, 2}) world.set_keys(node, keys);
      world.run_for(2 * kSecondUs);
    }
    // It goes on with the key that it has.
    REQUIRE(world.ban(3, address(3), {3600, Offence::ports, 0, false}));
    world.run_for(5 * kSecondUs);
    world.forget_bans_of(0, World::stamp_id(3));
    REQUIRE(world.ban(3, address(1), {3600, Offence::ports, 0, false}));
    const auto taken_back = [&](size_t node) {
      return !banned(world, node, address(1)) && banned(world, node, address(2)) &&
             !banned(world, node, address(3));
    };
    REQUIRE(world.run_until([&] { return taken_back(0) && taken_back(1) && taken_back(2); }, 10 * kSecondUs));
    world.run_for(20 * kSecondUs);
    for (const size_t node : {0, 1, 2}) CHECK(taken_back(node));
  };
  for_each_seed(run);
}

}  // namespace
}  // namespace shoal::sim
