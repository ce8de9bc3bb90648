// Members that left in good order, members that are refused and leave, and members that an operator forgets.

#include <doctest/doctest.h>

#include <algorithm>

#include "scenario.h"

namespace shoal::sim {
namespace {

using sync::MemberState;

std::optional<MemberState> state_at(World& world, size_t index, const std::string& name) {
  for (const sync::MemberStatus& member : world.status(index).members) {
    if (member.name == name) return member.state;
  }
  return std::nullopt;
}

TEST_CASE("who left is left and stays so, who crashed is down") {
  for_each_seed([](World& world) {
    world.weather.loss = world.prng().below(4) * 0.1;
    start_mesh(world, 4);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 20 * kSecondUs));
    world.stop(2);
    world.crash(3);
    world.run_for(10 * kSecondUs);
    for (const size_t index : {0u, 1u}) {
      CHECK(state_at(world, index, "n2") == MemberState::left);
      CHECK(state_at(world, index, "n3") == MemberState::down);
      for (const sync::MemberStatus& member : world.status(index).members) {
        if (is_gone(member.state)) CHECK(!member.synced);
      }
    }
    // It comes back, under its name.
    world.restart(2);
    REQUIRE(world.run_until([&] { return state_at(world, 0, "n2") == MemberState::alive; }, 10 * kSecondUs));
  });
}

TEST_CASE("a refused member's goodbye is heard, and it does not wait for those that refuse it") {
  for_each_seed([](World& world) {
    world.start(settings_of(0, {}));
    NodeSettings other = settings_of(1, {0});
    other.peer_timeout_s = 1800;
    world.start(other);
    world.set_seeds(0, {1});
    REQUIRE(world.run_until(
        [&] {
          return state_at(world, 0, "n1") == MemberState::refused &&
                 state_at(world, 1, "n0") == MemberState::refused;
        },
        5 * kSecondUs));
    world.announce_for(kSecondUs, 20, {1});
    const int64_t before_us = world.now_us();
    world.stop(1);
    CHECK(world.now_us() - before_us < 100'000);
    CHECK(state_at(world, 0, "n1") == MemberState::left);
    CHECK(logged(world.node(0), "member left"));
  });
}

TEST_CASE("a member that is forgotten is off every list, and may come back") {
  for_each_seed([](World& world) {
    world.weather.loss = world.prng().below(4) * 0.1;
    start_mesh(world, 4);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 20 * kSecondUs));
    CHECK(world.forget(0, "n2") == sync::Forgotten::runs);
    CHECK(world.forget(0, "nobody") == sync::Forgotten::unknown);
    const bool leaves = world.prng().below(2) == 0;
    leaves ? world.stop(2) : world.crash(2);
    world.run_for(9 * kSecondUs);
    CHECK(world.forget(0, "n2") == sync::Forgotten::done);
    CHECK(!state_at(world, 0, "n2"));
    const auto off = [&] { return !state_at(world, 1, "n2") && !state_at(world, 3, "n2"); };
    REQUIRE(world.run_until(off, 5 * kSecondUs));
    world.run_for(20 * kSecondUs);
    REQUIRE(off());
    REQUIRE(!state_at(world, 0, "n2"));
    world.weather.loss = 0;
    world.restart(2);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 5 * kSecondUs));
  });
}

TEST_CASE("a member that others still hear is forgotten only where it is down") {
  for_each_seed([](World& world) {
    start_mesh(world, 3);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 5 * kSecondUs));
    cut_between(world, 0, 2);
    world.run_for(9 * kSecondUs);
    CHECK(world.forget(0, "n2") == sync::Forgotten::done);
    world.run_for(5 * kSecondUs);
    CHECK(state_at(world, 1, "n2") == MemberState::alive);
    world.heal();
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 5 * kSecondUs));
  });
}

}  // namespace
}  // namespace shoal::sim
