// A node whose process stalled: it does not blame the others, and misses nothing.

#include <doctest/doctest.h>

#include "scenario.h"

namespace shoal::sim {
namespace {

TEST_CASE("a node that was frozen blames itself, and catches up") {
  for_each_seed([](World& world) {
    start_mesh(world, 4);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
    world.announce_for(2 * kSecondUs, 100, world.everyone());
    world.freeze(0);
    world.announce_for(20 * kSecondUs, 1000, {1, 2, 3});
    for (const size_t index : {1, 2, 3}) {
      REQUIRE(world.status(index).members[0].state == sync::MemberState::down);
      REQUIRE(world.status(index).stats.stalls == 0);
    }
    world.thaw(0);
    const sync::Status woken = world.status(0);
    REQUIRE(woken.stats.stalls == 1);
    REQUIRE(logged(world.node(0), "this node itself stood still"));
    for (const sync::MemberStatus& member : woken.members) REQUIRE(member.state == sync::MemberState::alive);
    world.announce_for(2 * kSecondUs, 100, world.everyone());
    REQUIRE(world.run_until([&] { return world.difference(world.everyone()) == ""; }, 5 * kSecondUs));
    REQUIRE(world.meshed(world.everyone()));
    REQUIRE(!logged(world.node(0), "member is silent"));
    REQUIRE(!logged(world.node(0), "member is down"));
    for (const size_t index : world.everyone()) REQUIRE(lost_of(world, index) == 0);
  });
}

TEST_CASE("a member that died while we were frozen is found down a little later") {
  for_each_seed([](World& world) {
    start_mesh(world, 3);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
    world.run_for(kSecondUs);
    world.freeze(0);
    world.run_for(kSecondUs);
    world.crash(2);
    world.run_for(20 * kSecondUs);
    world.thaw(0);
    world.run_for(kSecondUs);
    REQUIRE(world.status(0).members[1].state == sync::MemberState::alive);
    world.run_for(8 * kSecondUs);
    REQUIRE(world.status(0).members[1].state == sync::MemberState::down);
    REQUIRE(world.status(0).members[0].state == sync::MemberState::alive);
  });
}

TEST_CASE("a wait as long as the loop's own is no stall") {
  for_each_seed([](World& world) {
    start_mesh(world, 3);
    for (int i = 0; i < 20; ++i) {
      world.freeze(0);
      world.run_for(900'000);
      world.thaw(0);
      world.run_for(200'000);
    }
    REQUIRE(world.status(0).stats.stalls == 0);
    REQUIRE(world.meshed(world.everyone()));
  });
}

}  // namespace
}  // namespace shoal::sim
