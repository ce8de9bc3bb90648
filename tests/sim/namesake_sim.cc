// Two nodes of one name: the one that has run for longer goes on, the other is refused by all and knows it;
// and a restart is not taken for a second node. Under loss, cuts and clocks that are hours apart.

#include <doctest/doctest.h>

#include <algorithm>

#include "scenario.h"

namespace shoal::sim {
namespace {

constexpr size_t kFirst = 1;   // n1
constexpr size_t kDouble = 3;  // another n1

const sync::MemberStatus* member(const sync::Status& status, const std::string& name) {
  const auto found = std::find_if(status.members.begin(), status.members.end(),
                                  [&](const auto& one) { return one.name == name; });
  return found == status.members.end() ? nullptr : &*found;
}

uint64_t incarnation(World& world, size_t index) { return world.status(index).incarnation; }

// The run of n1 that this node takes for n1; 0: none.
uint64_t run_of_n1(World& world, size_t index) {
  const sync::Status status = world.status(index);
  const sync::MemberStatus* found = member(status, "n1");
  return found == nullptr ? 0 : found->incarnation;
}

bool all_synced(World& world, const std::vector<size_t>& nodes) {
  return std::all_of(nodes.begin(), nodes.end(),
                     [&](size_t index) { return world.status(index).phase == sync::SyncPhase::synced; });
}

void start_three(World& world) {
  start_mesh(world, 3);
  REQUIRE(world.run_until(
      [&] {
        return world.meshed({0, 1, 2}) && all_synced(world, {0, 1, 2});
      },
      60 * kSecondUs));
  world.run_for(4 * kSecondUs);
}

NodeSettings double_of_n1(World& world, std::vector<size_t> seeds) {
  NodeSettings settings = settings_of(kFirst, std::move(seeds));
  settings.clock_offset_ms = (int64_t{world.prng().below(7)} - 3) * 3'600'000;
  return settings;
}

// The double is refused by nodes 0 and 2 and by itself, and all three name it.
bool refused(World& world) {
  const common::Endpoint first = world.node(kFirst).address;
  const common::Endpoint other = world.node(kDouble).address;
  for (const size_t index : {0u, 2u}) {
    const sync::Status status = world.status(index);
    const sync::MemberStatus* n1 = member(status, "n1");
    if (n1 == nullptr || n1->incarnation != incarnation(world, kFirst) || n1->namesake != other) return false;
  }
  return world.status(kDouble).name_taken_by == first && world.status(kFirst).namesake == other &&
         !world.status(kFirst).name_taken_by;
}

TEST_CASE("a second node of a name is refused by all and by itself, and the first one goes on") {
  for_each_seed([](World& world) {
    start_three(world);
    world.weather.loss = world.prng().below(4) * 0.1;
    world.start(double_of_n1(world, {0}));
    REQUIRE(world.run_until([&] { return refused(world); }, 10 * kSecondUs));
    const uint64_t applied = world.status(0).stats.deltas_applied;
    world.announce_for(5 * kSecondUs, 50, {kDouble});
    for (int step = 0; step < 200; ++step) {
      world.run_for(100'000);
      for (const size_t index : {0u, 2u}) REQUIRE(run_of_n1(world, index) == incarnation(world, kFirst));
      REQUIRE(!world.status(kFirst).name_taken_by);
      REQUIRE(world.status(kDouble).name_taken_by);
      REQUIRE(!world.status(kDouble).alone);
    }
    REQUIRE(world.status(0).stats.deltas_applied == applied);
    world.weather.loss = 0;
    world.run_for(4 * kSecondUs);
    world.new_swarms();
    check_converges(world, {0, 1, 2}, 300);
    for (const size_t index : {0u, 2u})
      CHECK(logged(world.node(index), "two nodes are named n1: the one at 10.0.0.2:6970"));
    CHECK(logged(world.node(kFirst), "another node is named n1 and is refused: this node was there first"));
    CHECK(logged(world.node(kDouble), "another node is named n1 and was there first: this node is refused"));
  });
}

TEST_CASE("a second node takes over when the first one ends, and a restarted first one is refused then") {
  for_each_seed([](World& world) {
    start_three(world);
    world.start(double_of_n1(world, {2}));
    world.node(kDouble).settings.name = "n1";
    REQUIRE(world.run_until([&] { return refused(world); }, 10 * kSecondUs));
    const bool leaves = world.prng().below(2) == 0;
    leaves ? world.stop(kFirst) : world.crash(kFirst);
    const auto taken_over = [&] {
      return run_of_n1(world, 0) == incarnation(world, kDouble) &&
             run_of_n1(world, 2) == incarnation(world, kDouble) && !world.status(kDouble).name_taken_by;
    };
    REQUIRE(world.run_until(taken_over, 25 * kSecondUs));
    world.restart(kFirst);
    REQUIRE(world.run_until([&] { return world.status(kFirst).name_taken_by.has_value(); }, 10 * kSecondUs));
    world.run_for(5 * kSecondUs);
    REQUIRE(taken_over());
  });
}

TEST_CASE("two nodes of one name that meet nobody else settle it between them") {
  for_each_seed([](World& world) {
    world.weather.loss = world.prng().below(3) * 0.1;
    world.start(double_of_n1(world, {}));
    world.run_for(world.prng().below(2) == 0 ? 100'000 : 30 * kSecondUs);
    world.start(double_of_n1(world, {0}));
    world.set_seeds(0, {0, 1});
    const auto settled = [&] {
      return world.status(0).name_taken_by.has_value() != world.status(1).name_taken_by.has_value();
    };
    REQUIRE(world.run_until(settled, 10 * kSecondUs));
    world.run_for(3 * kSecondUs);
    const bool first_has_it = !world.status(0).name_taken_by;
    for (int step = 0; step < 100; ++step) {
      world.run_for(200'000);
      REQUIRE(!world.status(0).name_taken_by == first_has_it);
      REQUIRE(!world.status(1).name_taken_by != first_has_it);
    }
    CHECK(world.status(first_has_it ? 0 : 1).namesake == world.node(first_has_it ? 1 : 0).address);
  });
}

TEST_CASE("a node that hears the first one but is not heard by it takes no second one for it") {
  for_each_seed([](World& world) {
    start_three(world);
    world.cut(0, kFirst);
    world.run_for(world.prng().below(10) * kSecondUs);
    world.start(double_of_n1(world, {0}));
    for (int step = 0; step < 200; ++step) {
      world.run_for(100'000);
      REQUIRE(run_of_n1(world, 0) == incarnation(world, kFirst));
    }
    CHECK(world.status(kDouble).name_taken_by);
  });
}

TEST_CASE("a second node that was taken for the first during a cut is refused when the cut heals") {
  for_each_seed([](World& world) {
    start_three(world);
    for (const size_t other : {size_t{0}, size_t{2}, kDouble}) cut_between(world, kFirst, other);
    world.run_for(2 * kSecondUs);
    world.start(double_of_n1(world, {0}));
    REQUIRE(world.run_until(
        [&] {
          return run_of_n1(world, 0) == incarnation(world, kDouble) &&
                 run_of_n1(world, 2) == incarnation(world, kDouble);
        },
        15 * kSecondUs));
    world.run_for(world.prng().below(60) * kSecondUs);
    world.heal();
    REQUIRE(world.run_until([&] { return refused(world); }, 15 * kSecondUs));
    world.run_for(5 * kSecondUs);
    REQUIRE(refused(world));
  });
}

TEST_CASE("a node that starts again is not taken for a second one") {
  for_each_seed([](World& world) {
    start_three(world);
    world.weather.loss = world.prng().below(3) * 0.1;
    const bool far = world.prng().below(2) == 0;
    if (far) world.weather.delay_max_us = 200'000;
    // It is taken for itself after eight round trips.
    const int64_t limit_us = world.weather.loss > 0 ? 8 * kSecondUs : far ? 4 * kSecondUs : 2 * kSecondUs;
    for (int round = 0; round < 3; ++round) {
      world.announce_for(kSecondUs, 20, {0, 1, 2});
      world.crash(kFirst);
      world.run_for(world.prng().below(4'000'000));
      if (world.prng().below(2) == 0) world.node(kFirst).settings.clock_offset_ms -= 3'600'000;
      if (world.prng().below(2) == 0) {
        world.node(kFirst).address =
            common::make_endpoint_v4(0xcb007101 + static_cast<uint32_t>(round), 6970);
      }
      world.restart(kFirst);
      const auto taken = [&] {
        REQUIRE(!world.status(kFirst).name_taken_by);
        REQUIRE(!world.status(kFirst).namesake);
        return run_of_n1(world, 0) == incarnation(world, kFirst) &&
               run_of_n1(world, 2) == incarnation(world, kFirst) && world.meshed({0, 1, 2});
      };
      REQUIRE(world.run_until(taken, limit_us));
      REQUIRE(world.run_until([&] { return all_synced(world, {1}); }, 20 * kSecondUs));
    }
    for (size_t index = 0; index < 3; ++index) REQUIRE(!logged(world.node(index), "names must differ"));
    REQUIRE(world.status(kFirst).stats.pulls_refused == 0);
  });
}

TEST_CASE("replayed packets of a last run make no node a second one") {
  for_each_seed([](World& world) {
    world.recording = true;
    start_three(world);
    world.recording = false;
    world.crash(kFirst);
    world.run_for(kSecondUs);
    world.restart(kFirst);
    REQUIRE(
        world.run_until([&] { return run_of_n1(world, 0) == incarnation(world, kFirst); }, 3 * kSecondUs));
    for (const auto& [from, bytes] : world.recorded) {
      if (from != kFirst) continue;
      for (const size_t to : {0u, 1u, 2u})
        world.inject(to, common::make_endpoint_v4(0xcb007101, 6970), *bytes);
      world.run_for(10'000);
    }
    world.run_for(5 * kSecondUs);
    for (const size_t index : {0u, 1u, 2u}) {
      REQUIRE(!logged(world.node(index), "names must differ"));
      REQUIRE(!world.status(index).namesake);
    }
    REQUIRE(run_of_n1(world, 0) == incarnation(world, kFirst));
  });
}

}  // namespace
}  // namespace shoal::sim
