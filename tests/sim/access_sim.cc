// The access list's run-time changes: all nodes end up with the same ones, whatever the network does.

#include <doctest/doctest.h>

#include <algorithm>

#include "scenario.h"

namespace shoal::sim {
namespace {

common::InfoHash hash_of(uint64_t number) {
  common::InfoHash hash;
  common::Prng prng(number);
  for (uint8_t& byte : hash.bytes) byte = static_cast<uint8_t>(prng.next());
  return hash;
}

std::vector<proto::AccessChange> changes_of(World& world, size_t node) {
  std::vector<proto::AccessChange> changes;
  world.node(node).access->for_each([&](const proto::AccessChange& change) { changes.push_back(change); });
  return changes;
}

bool in_step(World& world, const std::vector<size_t>& nodes) {
  return std::all_of(nodes.begin(), nodes.end(), [&](size_t index) {
    return world.node(index).access->digest() == world.node(nodes[0]).access->digest();
  });
}

// Makes a random change at a random node. The hashes are few, so that nodes change the same ones.
void change_something(World& world, const std::vector<size_t>& nodes) {
  const size_t index = nodes[world.prng().below(nodes.size())];
  world.change_access(index, hash_of(world.prng().below(60)), world.prng().below(2) == 0);
}

TEST_CASE("access changes reach all nodes at once if nothing is lost, and then nobody asks for them") {
  for_each_seed([](World& world) {
    start_mesh(world, 4);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
    world.run_for(2 * kSecondUs);
    for (int i = 0; i < 50; ++i) {
      change_something(world, world.everyone());
      world.run_for(50'000);
    }
    REQUIRE(in_step(world, world.everyone()));
    REQUIRE(!changes_of(world, 0).empty());
    world.run_for(2 * kSecondUs);
    std::vector<uint64_t> asks;
    for (const size_t index : world.everyone()) asks.push_back(world.status(index).stats.access.asks_sent);
    world.run_for(10 * kSecondUs);
    for (const size_t index : world.everyone()) {
      REQUIRE(changes_of(world, index) == changes_of(world, 0));
      REQUIRE(world.status(index).stats.access.asks_sent == asks[index]);
      REQUIRE(world.status(index).access_in_step);
    }
  });
}

TEST_CASE("access changes survive loss, reorder and duplicates") {
  for_each_seed([](World& world) {
    world.weather.loss = 0.3;
    world.weather.duplicate = 0.1;
    world.weather.delay_max_us = 200'000;
    start_mesh(world, 4);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 20 * kSecondUs));
    for (int i = 0; i < 100; ++i) {
      change_something(world, world.everyone());
      world.run_for(100'000);
    }
    REQUIRE(world.run_until([&] { return in_step(world, world.everyone()); }, 15 * kSecondUs));
    for (const size_t index : world.everyone()) REQUIRE(changes_of(world, index) == changes_of(world, 0));
  });
}

TEST_CASE("a node that joins late, or starts again empty, gets all access changes") {
  for_each_seed([](World& world) {
    start_mesh(world, 2);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
    for (uint64_t i = 0; i < 5000; ++i) world.change_access(0, hash_of(i), i % 3 != 0);
    world.run_for(20 * kSecondUs);
    REQUIRE(in_step(world, world.everyone()));
    const size_t late = world.start(settings_of(2, {0}));
    REQUIRE(world.run_until([&] { return in_step(world, world.everyone()); }, 10 * kSecondUs));
    REQUIRE(world.node(late).access->size() == 5000);
    world.crash(1);
    world.run_for(kSecondUs);
    world.restart(1);
    REQUIRE(world.node(1).access->size() == 0);
    REQUIRE(world.run_until([&] { return in_step(world, world.everyone()); }, 10 * kSecondUs));
    REQUIRE(world.node(1).access->size() == 5000);
    // In step means that nobody asks.
    world.run_for(2 * kSecondUs);
    const uint64_t asked = world.status(1).stats.access.asks_sent;
    world.run_for(10 * kSecondUs);
    REQUIRE(world.status(1).stats.access.asks_sent == asked);
  });
}

TEST_CASE("two halves that changed the same access entries agree on the last change once the cut heals") {
  for_each_seed([](World& world) {
    start_mesh(world, 4);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
    for (const size_t a : {0U, 1U}) {
      for (const size_t b : {2U, 3U}) {
        world.cut(a, b);
        world.cut(b, a);
      }
    }
    for (uint64_t i = 0; i < 40; ++i) {
      world.change_access(i % 2, hash_of(i), true);
      world.change_access(2 + i % 2, hash_of(i), true);
    }
    // Later by more than the clocks differ.
    world.run_for(20 * kSecondUs);
    for (uint64_t i = 0; i < 40; ++i) world.change_access(i < 20 ? 0 : 3, hash_of(i), false);
    world.run_for(2 * kSecondUs);
    REQUIRE(!in_step(world, world.everyone()));
    world.heal();
    REQUIRE(world.run_until([&] { return in_step(world, world.everyone()); }, 30 * kSecondUs));
    for (const proto::AccessChange& change : changes_of(world, 1)) REQUIRE(!change.listed);
    REQUIRE(changes_of(world, 1).size() == 40);
  });
}

}  // namespace
}  // namespace shoal::sim
