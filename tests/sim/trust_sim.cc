// An outsider who records datagrams and replays them achieves nothing.

#include <doctest/doctest.h>

#include <algorithm>

#include "scenario.h"

namespace shoal::sim {
namespace {

// Starts a mesh of three and records its datagrams during some announces.
void record_mesh(World& world) {
  world.recording = true;
  start_mesh(world, 3);
  REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 2 * kSecondUs));
  world.announce_for(5 * kSecondUs, 300, world.everyone());
  world.run_for(kQuietUs);
  world.recording = false;
}

TEST_CASE("replayed packets of an earlier run change nothing") {
  for_each_seed([](World& world) {
    record_mesh(world);
    const bool restarted = world.prng().below(2) == 0;
    world.crash(2);
    world.run_for(20 * kSecondUs);
    if (restarted) {
      world.restart(2);
      REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 2 * kSecondUs));
      world.run_for(kSecondUs);
    }
    // Another node restarts too: it knows nothing of the past.
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
    // Replays cause challenges at a bounded rate and nothing else: 3 nodes' heartbeats are 8 a second.
    const uint64_t answers =
        world.status(1).stats.datagrams_sent + world.status(0).stats.datagrams_sent - sent;
    REQUIRE(answers < 500);
    if (restarted) {
      world.new_swarms();
      check_converges(world, world.everyone(), 300);
    }
  });
}

TEST_CASE("replayed packets of the current run change nothing") {
  for_each_seed([](World& world) {
    record_mesh(world);
    world.run_for(world.weather.delay_max_us);  // what is underway is not replayed yet
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
    // Copies of what was sent to others are no news either.
    REQUIRE(after.datagrams_sent <= before.datagrams_sent + 5);
    for (const sync::MemberStatus& member : world.status(0).members) {
      REQUIRE(member.address != common::make_endpoint_v4(0xcb007101, 53));
    }
    check_converges(world, world.everyone(), 300);
  });
}

const common::Endpoint kElsewhere = common::make_endpoint_v4(0xcb007101, 6970);

common::Endpoint address_at(World& world, size_t index, const std::string& name) {
  for (const sync::MemberStatus& member : world.status(index).members) {
    if (member.name == name) return member.address;
  }
  return {};
}

TEST_CASE("a packet replayed from another address before it arrives moves no member") {
  for_each_seed([](World& world) {
    start_mesh(world, 2);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 2 * kSecondUs));
    for (int round = 0; round < 20; ++round) {
      // What node 1 sends reaches node 0 only through the attacker.
      world.recorded.clear();
      world.recording = true;
      world.cut(1, 0);
      world.run_for(600'000);
      world.recording = false;
      world.heal();
      for (const auto& [from, bytes] : world.recorded) {
        if (from == 1) world.inject(0, kElsewhere, *bytes);
      }
      world.run_for(5'000);
      REQUIRE(address_at(world, 0, "n1") == world.node(1).address);
    }
    REQUIRE(!logged(world.node(0), "member moved"));
    check_converges(world, world.everyone(), 300);
  });
}

TEST_CASE("an echo replayed from another address before it arrives gives no member a wrong address") {
  for_each_seed([](World& world) {
    start_mesh(world, 1);
    world.recording = true;
    world.start(settings_of(1, {0}));
    world.cut(1, 0);
    size_t played = 0;
    const auto met = [&] {
      for (; played < world.recorded.size(); ++played) {
        const auto [from, bytes] = world.recorded[played];
        if (from != 1) continue;
        // The first packets arrive directly, so that the challenge goes where it should.
        const bool challenged = world.status(0).stats.challenges_sent > 0;
        world.inject(0, challenged ? kElsewhere : world.node(1).address, *bytes);
      }
      return !world.status(0).members.empty();
    };
    REQUIRE(world.run_until(met, 5 * kSecondUs));
    REQUIRE(address_at(world, 0, "n1") == world.node(1).address);
  });
}

TEST_CASE("a member that moves is followed, also by those that know its old address") {
  for_each_seed([](World& world) {
    start_mesh(world, 3);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 2 * kSecondUs));
    world.node(2).address = kElsewhere;
    const auto followed = [&] {
      return address_at(world, 0, "n2") == kElsewhere && address_at(world, 1, "n2") == kElsewhere;
    };
    REQUIRE(world.run_until(followed, 2 * kSecondUs));
    REQUIRE(logged(world.node(0), "member moved"));
    world.run_for(kSecondUs);
    world.new_swarms();
    world.announce_for(5 * kSecondUs, 100, world.everyone());
    world.run_for(kQuietUs);
    REQUIRE(world.difference(world.everyone()) == "");
    for (const size_t index : {0, 1}) REQUIRE(world.status(index).stats.stalls == 0);
  });
}

TEST_CASE("a node that starts again at another address is found there") {
  for_each_seed([](World& world) {
    start_mesh(world, 3);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 2 * kSecondUs));
    const bool was_down = world.prng().below(2) == 0;
    world.crash(2);
    world.run_for(was_down ? 10 * kSecondUs : kSecondUs);
    world.node(2).address = kElsewhere;
    world.restart(2);
    REQUIRE(world.run_until(
        [&] {
          return address_at(world, 0, "n2") == kElsewhere && address_at(world, 1, "n2") == kElsewhere &&
                 world.meshed(world.everyone());
        },
        3 * kSecondUs));
  });
}

constexpr const char* kSilentPeer = "no member is met at a sync peer";

TEST_CASE("a peer that answers from another of its addresses is not silent, nor is the node itself") {
  for_each_seed([](World& world) {
    start_mesh(world, 3);
    for (const size_t index : {0u, 1u}) {
      world.node(index).also_at = {common::make_endpoint_v4(0xc6336401 + static_cast<uint32_t>(index), 6970)};
    }
    world.node(0).cluster->set_seeds(
        {world.node(0).also_at[0], world.node(1).also_at[0], world.node(2).address});
    world.run_for(35 * kSecondUs);
    REQUIRE(!logged(world.node(0), kSilentPeer));
    REQUIRE(world.meshed(world.everyone()));
  });
}

TEST_CASE("a named peer that does not run is reported silent, whoever else runs") {
  for_each_seed([](World& world) {
    start_mesh(world, 3);
    world.node(0).cluster->set_seeds({world.node(1).address, kElsewhere});
    world.run_for(35 * kSecondUs);
    REQUIRE(logged(world.node(0), kSilentPeer));
    // It is looked for all the time, but no more often.
    const uint64_t before = world.status(0).stats.challenges_sent;
    world.run_for(60 * kSecondUs);
    REQUIRE(world.status(0).stats.challenges_sent - before < 40);
  });
}

TEST_CASE("trust is established at forty percent loss") {
  for_each_seed([](World& world) {
    world.weather.loss = 0.4;
    start_mesh(world, 5);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 20 * kSecondUs));
  });
}

TEST_CASE("deltas of a node that has just started reach everybody") {
  for_each_seed([](World& world) {
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
