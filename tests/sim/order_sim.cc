// The last event of a client counts: what clients do in quick succession, at one node or at several, under
// loss and with clocks that differ a little.

#include <doctest/doctest.h>

#include <algorithm>

#include "scenario.h"

namespace shoal::sim {
namespace {

const PeerKey kPeer{{{0x55}}, common::make_endpoint_v4(0xcb007106, 6881)};

// Half a second, and what the nodes' clocks may still differ by.
constexpr int64_t kApartUs = 520'000;

void say(World& world, size_t node, proto::Event event) {
  node::PeerAnnounce announce;
  announce.info_hash = kPeer.first;
  announce.peer = kPeer.second;
  announce.event = event;
  announce.seeder = true;
  world.announce(node, announce);
}

bool listed(World& world, size_t node) {
  const auto record = world.record(node, kPeer);
  return record && record->state.role != proto::PeerRole::stopped;
}

// All nodes list the peer, or none does, within a minute and a half.
void check_listed(World& world, bool expected) {
  REQUIRE(equal_within(world, 90 * kSecondUs));
  for (const size_t node : world.everyone()) REQUIRE(listed(world, node) == expected);
}

// A mesh whose clocks have come together.
void start_settled(World& world, size_t count) {
  start_mesh(world, count);
  world.run_for(60 * kSecondUs);
  REQUIRE(world.meshed(world.everyone()));
}

size_t any(World& world) { return world.prng().below(static_cast<uint32_t>(world.size())); }

TEST_CASE("any number of stops and starts at one node, as fast as they come, and the last one counts") {
  for_each_seed([](World& world) {
    start_settled(world, 3);
    world.weather.loss = 0.05;
    const uint32_t events = 1 + world.prng().below(world.prng().below(2) == 0 ? 20 : 700);
    for (uint32_t i = 0; i < events; ++i) {
      say(world, 0, i % 2 == 0 ? proto::Event::started : proto::Event::stopped);
      REQUIRE(listed(world, 0) == (i % 2 == 0));
      if (world.prng().below(10) == 0) world.run_for(1 + world.prng().below(100'000));
    }
    const bool live = events % 2 == 1;
    world.run_for(70 * kSecondUs);  // a burst may have run a minute ahead of the clock
    check_listed(world, live);
  });
}

TEST_CASE("a client that stops at one node and starts at another at once is listed on all") {
  for_each_seed([](World& world) {
    start_settled(world, 3);
    say(world, 1, proto::Event::started);
    world.run_for(2 * kSecondUs);
    world.weather.loss = 0.1;
    for (int move = 0; move < 10; ++move) {
      const size_t from = any(world);
      say(world, from, proto::Event::stopped);
      world.run_for(world.prng().below(3) == 0 ? 0 : world.prng().below(100'000));
      say(world, (from + 1 + world.prng().below(2)) % 3, proto::Event::started);
      world.run_for(kApartUs + world.prng().below(kSecondUs));
    }
    check_listed(world, true);
  });
}

TEST_CASE("an event that follows another by half a second wins, wherever each was said") {
  for_each_seed([](World& world) {
    start_settled(world, 4);
    say(world, 0, proto::Event::started);
    world.run_for(2 * kSecondUs);
    world.weather.loss = 0.1;
    bool live = true;
    const size_t a = any(world);
    const size_t b = (a + 1) % world.size();
    if (world.prng().below(2) == 0) cut_between(world, a, b);
    for (int i = 0; i < 12; ++i) {
      live = world.prng().below(2) == 0;
      say(world, any(world), live ? proto::Event::started : proto::Event::stopped);
      world.run_for(kApartUs + world.prng().below(kSecondUs));
    }
    world.heal(a, b);
    world.heal(b, a);
    check_listed(world, live);
  });
}

TEST_CASE("a stop that is faster than the news of its start wins") {
  for_each_seed([](World& world) {
    start_settled(world, 3);
    world.weather.delay_max_us = 1'500'000;
    say(world, 0, proto::Event::started);
    world.run_for(world.prng().below(50'000));
    REQUIRE(!world.record(1, kPeer));
    say(world, 1, proto::Event::stopped);
    REQUIRE(!world.record(1, kPeer));
    world.run_for(5 * kSecondUs);
    check_listed(world, false);
  });
}

TEST_CASE("a node alone keeps the last event as a cluster does, and tells it to the node that joins") {
  for_each_seed([](World& world) {
    world.start(settings_of(0, {}));
    world.run_for(20 * kSecondUs);
    const uint32_t events = 1 + world.prng().below(300);
    for (uint32_t i = 0; i < events; ++i) {
      say(world, 0, i % 2 == 0 ? proto::Event::started : proto::Event::stopped);
    }
    world.run_for(70 * kSecondUs);
    world.start(settings_of(1, {0}));
    world.run_for(30 * kSecondUs);
    check_listed(world, events % 2 == 1);
  });
}

}  // namespace
}  // namespace shoal::sim
