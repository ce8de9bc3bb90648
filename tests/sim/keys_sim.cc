// Keys are replaced while the cluster works: add, use, remove, and no delta is lost.

#include <doctest/doctest.h>

#include <algorithm>

#include "scenario.h"

namespace shoal::sim {
namespace {

// One SIGHUP per node, in any order, `every_us` apart, with announces meanwhile.
void round_of_keys(World& world, const std::vector<sync::ClusterKey>& keys, int64_t every_us) {
  std::vector<size_t> order = world.everyone();
  for (size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[world.prng().below(static_cast<uint32_t>(i))]);
  }
  for (const size_t index : order) {
    world.set_keys(index, keys);
    world.announce_for(every_us, 30, world.everyone());
  }
}

bool all_hold(World& world, const std::vector<sync::ClusterKey>& keys) {
  const auto wanted = sync::KeyRing(keys, "sim").ids();
  for (const size_t index : world.everyone()) {
    for (const sync::MemberStatus& member : world.status(index).members) {
      if (member.key_ids != wanted) return false;
    }
  }
  return true;
}

TEST_CASE("a key is replaced in three rounds without a lost delta") {
  for_each_seed([](World& world) {
    world.weather.loss = world.prng().below(3) * 0.1;
    world.weather.delay_max_us = 50'000;
    start_mesh(world, 4);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 10 * kSecondUs));
    world.announce_for(2 * kSecondUs, 100, world.everyone());
    const sync::ClusterKey before = key_of(7);
    const sync::ClusterKey after = key_of(9);
    for (const auto& keys : {std::vector{before, after}, std::vector{after, before}, std::vector{after}}) {
      // Each round begins as soon as the status shows that the last one is done: it does not wait for packets
      // underway or kept for resending.
      round_of_keys(world, keys, 100'000);
      REQUIRE(world.run_until([&] { return all_hold(world, keys); }, 20 * kSecondUs));
    }
    world.announce_for(2 * kSecondUs, 100, world.everyone());
    REQUIRE(world.run_until([&] { return world.difference(world.everyone()) == ""; }, 5 * kSecondUs));
    world.weather.loss = 0;
    world.run_for(2 * kSecondUs);
    for (const size_t index : world.everyone()) {
      REQUIRE(lost_of(world, index) == 0);
      REQUIRE(!logged(world.node(index), "member is silent"));
      REQUIRE(!logged(world.node(index), "does not hold key"));
    }
  });
}

TEST_CASE("packets sealed with a removed key are requested and sealed again") {
  for_each_seed([](World& world) {
    start_mesh(world, 3);
    const sync::ClusterKey before = key_of(7);
    const sync::ClusterKey after = key_of(9);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
    for (const size_t index : world.everyone()) world.set_keys(index, {before, after});
    world.run_for(kSecondUs);
    // Node 1 misses what node 0 still seals with the old key, and drops that key before it can request it.
    world.cut(0, 1);
    world.announce_for(500'000, 50, {0});
    for (const size_t index : world.everyone()) world.set_keys(index, {after, before});
    for (const size_t index : world.everyone()) world.set_keys(index, {after});
    world.heal();
    REQUIRE(world.run_until([&] { return world.difference(world.everyone()) == ""; }, 3 * kSecondUs));
    REQUIRE(lost_of(world, 1) == 0);
    REQUIRE(world.status(0).stats.packets_resent > 0);
  });
}

TEST_CASE("a key used too early is logged by the node that uses it, and heals") {
  for_each_seed([](World& world) {
    start_mesh(world, 3);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
    world.run_for(kSecondUs);
    world.set_keys(0, {key_of(9), key_of(7)});
    world.announce_for(3 * kSecondUs, 100, world.everyone());
    REQUIRE(logged(world.node(0), "does not hold key"));
    REQUIRE(logged(world.node(1), "no key opens: sealed by key"));
    for (const size_t index : {1, 2}) world.set_keys(index, {key_of(7), key_of(9)});
    REQUIRE(world.run_until([&] { return world.difference(world.everyone()) == ""; }, 5 * kSecondUs));
    REQUIRE(lost_of(world, 1) == 0);
  });
}

}  // namespace
}  // namespace shoal::sim
