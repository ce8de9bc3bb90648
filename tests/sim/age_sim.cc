// Packets that arrive long after they were sent. Stamps are ticks modulo 256, so a packet an hour old would
// read as news. It is not accepted, wherever it has waited.

#include <doctest/doctest.h>

#include <algorithm>

#include "scenario.h"

namespace shoal::sim {
namespace {

constexpr int64_t kMinuteUs = 60 * kSecondUs;
constexpr uint64_t kLongSeeds = 3;  // hours of virtual time are slow

node::PeerAnnounce one_peer(proto::Event event) {
  node::PeerAnnounce announce;
  announce.info_hash.bytes.fill(0x77);
  announce.peer = common::make_endpoint_v4(0xcb007105, 6881);
  announce.event = event;
  return announce;
}

bool known(World& world, size_t index) {
  const node::PeerAnnounce peer = one_peer(proto::Event::none);
  return world.node(index).swarms->records().contains({peer.info_hash, peer.peer});
}

// Longer than a lifetime, and long enough for old stamps to look young.
int64_t long_pause_us(World& world) { return (66 + world.prng().below(30)) * kMinuteUs; }

TEST_CASE("datagrams that waited an hour in the buffer of a stopped process are not accepted") {
  for_each_seed(
      [](World& world) {
        start_mesh(world, 3);
        REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
        world.run_for(15 * kSecondUs);
        world.freeze(1);
        world.announce(0, one_peer(proto::Event::started));
        world.run_for(60 * kSecondUs);  // from here on nothing more enters its buffer
        world.announce(2, one_peer(proto::Event::stopped));
        world.run_for(long_pause_us(world));
        REQUIRE(!known(world, 0));
        world.thaw(1);
        world.run_for(60 * kSecondUs);
        for (const size_t index : world.everyone()) REQUIRE(!known(world, index));
        REQUIRE(world.status(1).stats.dropped_late > 0);
        world.new_swarms();
        check_converges(world, world.everyone(), 300, LossBefore::yes);
      },
      kLongSeeds);
}

TEST_CASE("deltas that a stopped process had not sent are not sent an hour later") {
  for_each_seed(
      [](World& world) {
        start_mesh(world, 3);
        REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
        world.run_for(15 * kSecondUs);
        world.announce(0, one_peer(proto::Event::started));
        world.freeze(0);
        world.run_for(long_pause_us(world));
        world.thaw(0);
        world.run_for(60 * kSecondUs);
        for (const size_t index : {1u, 2u}) REQUIRE(!known(world, index));
        REQUIRE(world.status(0).stats.dropped_unsent > 0);
        world.new_swarms();
        check_converges(world, world.everyone(), 300, LossBefore::yes);
      },
      kLongSeeds);
}

TEST_CASE("packets replayed an hour later to a node that has just started are not accepted") {
  for_each_seed(
      [](World& world) {
        start_mesh(world, 3);
        REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
        world.run_for(15 * kSecondUs);
        world.recording = true;
        world.announce(0, one_peer(proto::Event::started));
        world.run_for(kSecondUs);
        world.recording = false;
        world.announce(0, one_peer(proto::Event::stopped));
        world.run_for(long_pause_us(world));
        world.crash(1);
        world.restart(1);
        REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
        world.run_for(15 * kSecondUs);
        const uint64_t received = world.status(1).stats.deltas_received;
        for (const auto& [from, bytes] : world.recorded) {
          if (from == 0) world.inject(1, world.node(0).address, *bytes);
          world.run_for(1000);
        }
        world.run_for(60 * kSecondUs);
        for (const size_t index : world.everyone()) REQUIRE(!known(world, index));
        REQUIRE(world.status(1).stats.deltas_received == received);
      },
      kLongSeeds);
}

}  // namespace
}  // namespace shoal::sim
