// When a node reports that it is in step: not while it waits for nodes it was told of, nor before it has met
// all members; and no longer once it meets members it started without, or after a long stall.

#include <doctest/doctest.h>

#include <algorithm>

#include "scenario.h"

namespace shoal::sim {
namespace {

bool synced(World& world, size_t index) { return world.status(index).phase == sync::SyncPhase::synced; }

bool all_synced(World& world) {
  const std::vector<size_t> nodes = world.everyone();
  return std::all_of(nodes.begin(), nodes.end(), [&](size_t index) { return synced(world, index); });
}

void start_running(World& world, size_t count) {
  start_mesh(world, count);
  REQUIRE(
      world.run_until([&] { return world.meshed(world.everyone()) && all_synced(world); }, 20 * kSecondUs));
  world.announce_for(60 * kSecondUs, 600, world.everyone());
  world.run_for(kQuietUs);
}

void cut_off(World& world, size_t node) {
  for (size_t other = 0; other <= node; ++other) {
    world.cut(node, other);
    world.cut(other, node);
  }
}

TEST_CASE("a node waits for peers it was told of, and is not synced while they are out of reach") {
  for_each_seed([](World& world) {
    start_running(world, 2);
    cut_off(world, 2);
    world.start(settings_of(2, {0}));
    world.run_for(10 * kSecondUs);
    REQUIRE(!synced(world, 2));
    world.heal();
    REQUIRE(world.run_until([&] { return synced(world, 2); }, 15 * kSecondUs));
    REQUIRE(world.difference_in_all(world.everyone()) == "");
    REQUIRE(!logged(world.node(2), "no other member"));
  });
}

TEST_CASE("a node that served alone goes back to pull when it meets the cluster") {
  for_each_seed([](World& world) {
    start_running(world, 2);
    cut_off(world, 2);
    world.start(settings_of(2, {0}));
    REQUIRE(world.run_until([&] { return synced(world, 2); }, 20 * kSecondUs));
    REQUIRE(logged(world.node(2), "no other member"));
    world.heal();
    REQUIRE(world.run_until([&] { return !synced(world, 2); }, 6 * kSecondUs));
    REQUIRE(world.run_until([&] { return synced(world, 2); }, 15 * kSecondUs));
    REQUIRE(world.difference_in_all(world.everyone()) == "");
    for (const size_t index : {0u, 1u}) REQUIRE(!logged(world.node(index), "served alone"));
  });
}

TEST_CASE("a node that names itself among its peers does not wait for itself") {
  for_each_seed([](World& world) {
    world.start(settings_of(0, {0}));
    REQUIRE(world.run_until([&] { return synced(world, 0); }, 4 * kSecondUs));
  });
}

TEST_CASE("a node that stood still for long is not synced until it has compared") {
  for_each_seed([](World& world) {
    start_running(world, 3);
    world.freeze(1);
    world.announce_for(90 * kSecondUs, 900, {0, 2});
    world.thaw(1);
    REQUIRE(!synced(world, 1));
    REQUIRE(world.run_until([&] { return synced(world, 1); }, 11 * kSecondUs));
    REQUIRE(world.difference_in_all(world.everyone()) == "");
  });
}

TEST_CASE("donors that are only busy are waited for") {
  for_each_seed([](World& world) {
    start_running(world, 1);
    world.clog(0);
    // Two that occupy both places and are gone.
    for (const size_t index : {1u, 2u}) world.start(settings_of(index, {0}));
    world.run_for(3 * kSecondUs);
    for (const size_t index : {1u, 2u}) world.crash(index);
    world.start(settings_of(3, {0}));
    world.run_for(100 * kSecondUs);
    REQUIRE(!synced(world, 3));
    REQUIRE(world.status(0).stats.donations_refused > 10);
    world.unclog();
    REQUIRE(world.run_until([&] { return synced(world, 3); }, 20 * kSecondUs));
    REQUIRE(world.difference_in_all({0, 3}) == "");
  });
}

// Node 2 gets announces of peers that it alone knows, and leaves; its snapshot has them.
void leave_with_news(World& world) {
  start_running(world, 3);
  world.node(2).settings.snapshots = true;
  world.queues_overflow = true;
  world.announce_for(2 * kSecondUs, 40, {2});
  world.stop(2);
  world.queues_overflow = false;
}

bool holds_what_it_saved(World& world) {
  const SimNode& node = world.node(2);
  return std::all_of(node.saved.begin(), node.saved.end(),
                     [&](const auto& entry) { return node.swarms->records().contains(entry.first); });
}

TEST_CASE("a snapshot's records are dated by cluster time, not by a clock that is off") {
  for_each_seed([](World& world) {
    leave_with_news(world);
    constexpr int64_t kHoursMs = 3 * 3'600'000;
    world.node(2).settings.clock_offset_ms = world.prng().below(2) == 0 ? kHoursMs : -kHoursMs;
    world.run_for(10 * kSecondUs);
    world.restart(2);
    REQUIRE(world.run_until([&] { return synced(world, 2); }, 20 * kSecondUs));
    REQUIRE(holds_what_it_saved(world));
  });
}

TEST_CASE("a node is not synced while it reads its snapshot, alone or not") {
  for_each_seed([](World& world) {
    leave_with_news(world);
    world.node(2).settings.load_us = 40 * kSecondUs;
    const bool alone = world.prng().below(2) == 0;
    if (alone) {
      for (const size_t index : {0u, 1u}) world.crash(index);
    }
    world.restart(2);
    world.run_for(30 * kSecondUs);
    REQUIRE(!synced(world, 2));
    REQUIRE(world.run_until([&] { return synced(world, 2); }, 30 * kSecondUs));
    REQUIRE(holds_what_it_saved(world));
  });
}

TEST_CASE("a node that leaves before it has read its snapshot leaves the file as it is") {
  for_each_seed([](World& world) {
    leave_with_news(world);
    world.node(2).settings.load_us = 40 * kSecondUs;
    const auto before = world.node(2).saved;
    world.restart(2);
    world.run_for(10 * kSecondUs);
    world.stop(2);
    REQUIRE(world.node(2).saved == before);
  });
}

TEST_CASE("a node is not in step before it has met the members that others name") {
  for_each_seed([](World& world) {
    start_running(world, 3);
    world.queues_overflow = true;  // only node 2 knows these
    world.announce_for(2 * kSecondUs, 40, {2});
    world.queues_overflow = false;
    world.run_for(kSecondUs);
    for (const size_t other : {0u, 1u}) {  // and cannot send them to the others
      world.cut(2, other);
    }
    world.cut(2, 3);
    world.start(settings_of(3, {0}));
    world.run_for(5 * kSecondUs);
    REQUIRE(!synced(world, 3));
    REQUIRE(world.run_until([&] { return synced(world, 3); }, 20 * kSecondUs));
  });
}

}  // namespace
}  // namespace shoal::sim
