// Loss-free clusters: whatever their shape, and however the network delays, reorders and duplicates, every
// node ends up with the same records.

#include <doctest/doctest.h>

#include "scenario.h"

namespace shoal::sim {
namespace {

TEST_CASE("a unicast mesh forms from one seed address and converges") {
  for_each_seed([](World& world) {
    start_mesh(world, 5);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, kSecondUs));
    check_converges(world, world.everyone(), 1000);
    REQUIRE(world.status(0).stats.dropped_replayed == 0);
  });
}

TEST_CASE("a multicast cluster forms without any seed") {
  for_each_seed([](World& world) {
    for (size_t i = 0; i < 4; ++i) world.start(settings_of(i, {}, {0}));
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 2 * kSecondUs));
    world.run_for(2 * kSecondUs);
    const uint64_t sent_before = world.status(0).stats.datagrams_sent;
    check_converges(world, world.everyone(), 1000);
    for (const sync::MemberStatus& member : world.status(0).members) REQUIRE(member.multicast);
    // Each delta packet was sent once, not once a member: 20 s of heartbeats are about 40 x 4 datagrams.
    const uint64_t deltas = world.status(1).members[0].datagrams_received;
    REQUIRE(world.status(0).stats.datagrams_sent - sent_before < deltas + 200);
  });
}

TEST_CASE("a mixed cluster reaches members behind and beyond the group") {
  for_each_seed([](World& world) {
    world.start(settings_of(0, {}, {0}));
    world.start(settings_of(1, {}, {0, 1}));
    world.start(settings_of(2, {}, {1}));
    world.start(settings_of(3, {0}));
    world.start(settings_of(4, {3}));
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
    world.run_for(2 * kSecondUs);
    check_converges(world, world.everyone(), 1000);
  });
}

TEST_CASE("a group that stops working is replaced by unicast") {
  for_each_seed([](World& world) {
    for (size_t i = 0; i < 3; ++i) world.start(settings_of(i, {}, {0}));
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 2 * kSecondUs));
    world.run_for(2 * kSecondUs);
    REQUIRE(world.status(0).members[0].multicast);
    world.node(1).settings.groups = {9};  // its switch port stops forwarding the group in both directions
    world.run_for(5 * kSecondUs);
    REQUIRE(world.meshed(world.everyone()));
    REQUIRE(!world.status(0).members[0].multicast);
    REQUIRE(world.status(0).members[1].multicast);
    world.new_swarms();
    check_converges(world, world.everyone(), 500);
  });
}

TEST_CASE("a late joiner takes part in the live stream") {
  for_each_seed([](World& world) {
    start_mesh(world, 3);
    world.announce_for(20 * kSecondUs, 500, {0, 1, 2});
    world.run_for(kQuietUs);
    world.start(settings_of(3, {1}));
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, kSecondUs));
    world.new_swarms();
    check_converges(world, world.everyone(), 500);
  });
}

TEST_CASE("a node that crashed or left comes back as a higher incarnation") {
  for_each_seed([](World& world) {
    start_mesh(world, 4);
    world.run_for(2 * kSecondUs);
    world.announce_for(5 * kSecondUs, 200, {0, 1, 2, 3});
    const uint64_t old_incarnation = world.status(0).members[1].incarnation;
    const bool crashes = world.prng().below(2) == 0;
    if (crashes) {
      world.crash(2);
    } else {
      world.stop(2);
      world.run_for(kSecondUs);
      REQUIRE(world.status(0).members[1].state == sync::MemberState::left);
      REQUIRE(logged(world.node(0), "member left"));
    }
    world.run_for(world.prng().below(20) * kSecondUs);
    world.restart(2);
    const auto meshed_anew = [&] {
      return world.meshed(world.everyone()) && world.status(0).members[1].incarnation > old_incarnation;
    };
    // Three heartbeats: where two nodes challenge each other at once, one of the answers waits for the next.
    REQUIRE(world.run_until(meshed_anew, 3 * kSecondUs / 2));
    REQUIRE(logged(world.node(0), "member restarted"));
    world.run_for(kSecondUs);  // what was sent just before the restart is requested again
    world.new_swarms();
    check_converges(world, world.everyone(), 500);
  });
}

TEST_CASE("duplicates, long delays and reorder change nothing") {
  for_each_seed([](World& world) {
    world.weather.duplicate = 0.3;
    world.weather.delay_max_us = 300'000;
    start_mesh(world, 4);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 4 * kSecondUs));
    world.run_for(kSecondUs);
    check_converges(world, world.everyone(), 1000);
    REQUIRE(world.status(1).stats.dropped_replayed > 0);
    // Packets of one origin overtook each other, which alone means no restart and no second node.
    for (size_t i = 0; i < world.size(); ++i) {
      REQUIRE(!logged(world.node(i), "restarted"));
      REQUIRE(!logged(world.node(i), "named"));
    }
  });
}

TEST_CASE("members behind a cut go down and return") {
  for_each_seed([](World& world) {
    start_mesh(world, 3);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, kSecondUs));
    for (const size_t other : {1, 2}) {
      world.cut(0, other);
      world.cut(other, 0);
    }
    world.run_for(4 * kSecondUs);
    REQUIRE(world.status(0).members[0].state == sync::MemberState::suspect);
    world.run_for(5 * kSecondUs);
    REQUIRE(world.status(0).members[0].state == sync::MemberState::down);
    REQUIRE(world.status(1).members[1].state == sync::MemberState::alive);
    world.heal();
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 6 * kSecondUs));
    world.run_for(kSecondUs);
    REQUIRE(logged(world.node(0), "member is back"));
    world.new_swarms();
    world.announce_for(20 * kSecondUs, 300, world.everyone());
    world.run_for(kQuietUs);
    REQUIRE(world.difference(world.everyone()) == "");
  });
}

TEST_CASE("another cluster and a wrong key are ignored and logged") {
  for_each_seed([](World& world) {
    start_mesh(world, 2);
    NodeSettings foreign = settings_of(2, {0, 1});
    foreign.cluster = "other";
    world.start(foreign);
    NodeSettings wrong_key = settings_of(3, {0, 1});
    wrong_key.keys = {key_of(8)};
    world.start(wrong_key);
    world.run_for(3 * kSecondUs);
    REQUIRE(world.meshed({0, 1}));
    REQUIRE(world.status(0).members.size() == 1);
    REQUIRE(world.status(2).members.empty());
    REQUIRE(world.status(0).stats.dropped_foreign > 0);
    REQUIRE(world.status(0).stats.dropped_unauthentic > 0);
    REQUIRE(logged(world.node(0), "another cluster"));
    REQUIRE(logged(world.node(0), "no key opens"));
    world.announce_for(5 * kSecondUs, 200, world.everyone());
    world.run_for(kQuietUs);
    REQUIRE(world.difference({0}) == "");
    REQUIRE(world.status(0).stats.deltas_received == world.status(0).members[0].deltas_received);
  });
}

TEST_CASE("other settings are refused on both sides") {
  for_each_seed([](World& world) {
    start_mesh(world, 2);
    NodeSettings other = settings_of(2, {0});
    other.peer_timeout_s = 1800;
    world.start(other);
    world.run_for(3 * kSecondUs);
    REQUIRE(logged(world.node(0), "peer_timeout_s is 1800 there and 2700 here"));
    REQUIRE(logged(world.node(2), "peer_timeout_s is 2700 there and 1800 here"));
    REQUIRE(world.status(0).members[1].refused != "");
    world.announce_for(5 * kSecondUs, 200, world.everyone());
    world.run_for(kQuietUs);
    REQUIRE(world.status(2).stats.deltas_received == 0);
    REQUIRE(world.status(0).members[1].deltas_received == 0);
  });
}

TEST_CASE("two nodes with the same name are noticed by all three") {
  for_each_seed([](World& world) {
    start_mesh(world, 2);
    world.run_for(kSecondUs);
    NodeSettings twin = settings_of(1, {0});
    world.start(twin);
    world.run_for(10 * kSecondUs);
    REQUIRE(logged(world.node(0), "two nodes are named n1"));
    REQUIRE(logged(world.node(1), "another node is named n1"));
    REQUIRE(logged(world.node(2), "another node is named n1"));
  });
}

TEST_CASE("a mesh of twenty converges") {
  for_each_seed([](World& world) {
    start_mesh(world, 20);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
    check_converges(world, world.everyone(), 400);
  });
}

}  // namespace
}  // namespace shoal::sim
