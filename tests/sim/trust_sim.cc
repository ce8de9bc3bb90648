// What an outsider can do who records datagrams and plays them again: nothing.

#include <doctest/doctest.h>

#include <algorithm>

#include "scenario.h"

namespace shoal::sim {
namespace {

TEST_CASE("the recorded packets of a run that is over change nothing") {
  for_each_seed("the recorded packets of a run that is over change nothing", [](World& world) {
    world.recording = true;
    start_mesh(world, 3);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 2 * kSecondUs));
    world.announce_for(5 * kSecondUs, 300, world.everyone());
    world.run_for(kQuietUs);
    world.recording = false;
    const bool restarted = world.prng().below(2) == 0;
    world.crash(2);
    world.run_for(20 * kSecondUs);
    if (restarted) {
      world.restart(2);
      REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 2 * kSecondUs));
      world.run_for(kSecondUs);
    }
    // Another node restarts too: it knows nothing of what was.
    world.crash(1);
    world.run_for(kSecondUs);
    world.restart(1);
    REQUIRE(world.run_until([&] { return world.meshed({0, 1}); }, 2 * kSecondUs));
    world.run_for(kSecondUs);

    const uint64_t incarnation = restarted ? world.node(2).cluster->status(world.now_of(2)).incarnation : 0;
    const uint64_t applied = world.status(1).stats.deltas_applied;
    const uint64_t sent = world.status(1).stats.datagrams_sent + world.status(0).stats.datagrams_sent;
    for (int round = 0; round < 3; ++round) {
      for (const auto& [from, bytes] : world.recorded) {
        if (from != 2) continue;
        world.inject(0, world.node(2).address, *bytes);
        world.inject(1, world.node(2).address, *bytes);
        world.run_for(1000);
      }
      world.run_for(kSecondUs);
    }
    REQUIRE(world.status(1).stats.deltas_applied == applied);
    for (const size_t index : {0, 1}) {
      const auto& members = world.status(index).members;
      const auto found = std::find_if(members.begin(), members.end(),
                                      [](const sync::MemberStatus& member) { return member.name == "n2"; });
      if (found == members.end()) continue;
      if (restarted) {
        REQUIRE(found->incarnation == incarnation);
        REQUIRE(found->state == sync::MemberState::alive);
      } else {
        REQUIRE(found->state == sync::MemberState::down);
      }
    }
    // Replays draw challenges at a bounded rate, and nothing else: 3 nodes' heartbeats are 8 a second.
    const uint64_t answers =
        world.status(1).stats.datagrams_sent + world.status(0).stats.datagrams_sent - sent;
    REQUIRE(answers < 500);
    if (restarted) {
      world.new_swarms();
      check_converges(world, world.everyone(), 300);
    }
  });
}

TEST_CASE("the packets of the present run played again change nothing") {
  for_each_seed("the packets of the present run played again change nothing", [](World& world) {
    world.recording = true;
    start_mesh(world, 3);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 2 * kSecondUs));
    world.announce_for(5 * kSecondUs, 300, world.everyone());
    world.run_for(kQuietUs);
    world.recording = false;
    world.run_for(world.weather.delay_max_us);  // what is on its way is not played again yet
    const sync::Stats before = world.status(0).stats;
    uint64_t injected = 0;
    for (const auto& [from, bytes] : world.recorded) {
      world.inject(0, common::make_endpoint_v4(0xcb007101, 53), *bytes);
      ++injected;
    }
    world.run_for(1);
    const sync::Stats after = world.status(0).stats;
    REQUIRE(after.deltas_received == before.deltas_received);
    REQUIRE(injected > 100);
    // Copies of what went to others are news to nobody either.
    REQUIRE(after.datagrams_sent <= before.datagrams_sent + 5);
    for (const sync::MemberStatus& member : world.status(0).members) {
      REQUIRE(member.address != common::make_endpoint_v4(0xcb007101, 53));
    }
    check_converges(world, world.everyone(), 300);
  });
}

TEST_CASE("trust is found at forty percent loss") {
  for_each_seed("trust is found at forty percent loss", [](World& world) {
    world.weather.loss = 0.4;
    start_mesh(world, 5);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 20 * kSecondUs));
  });
}

TEST_CASE("deltas of a node that just started reach everybody") {
  for_each_seed("deltas of a node that just started reach everybody", [](World& world) {
    start_mesh(world, 4);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 2 * kSecondUs));
    world.run_for(kSecondUs);
    world.crash(3);
    world.run_for(3 * kSecondUs);
    world.restart(3);
    world.announce_for(2 * kSecondUs, 100, {3});
    world.run_for(2 * kSecondUs);
    REQUIRE(world.difference({0, 1, 2}) == "");
    REQUIRE(lost_of(world, 0) == 0);
  });
}

}  // namespace
}  // namespace shoal::sim
