// Links that are too slow: the order in which deltas are sent, and what becomes of the others.

#include <doctest/doctest.h>

#include "scenario.h"

namespace shoal::sim {
namespace {

// Each in its own swarm, so that no two share an info_hash.
PeerKey peer_of(uint32_t number) {
  common::InfoHash info_hash;
  common::Prng prng(number);
  for (uint8_t& byte : info_hash.bytes) byte = static_cast<uint8_t>(prng.next());
  return {info_hash, common::make_endpoint_v4(0x0b000000 + number, 6881)};
}

void announce_peers(World& world, size_t node, uint32_t first, uint32_t count,
                    proto::Event event = proto::Event::none) {
  for (uint32_t number = first; number < first + count; ++number) {
    node::PeerAnnounce announce;
    announce.info_hash = peer_of(number).first;
    announce.peer = peer_of(number).second;
    announce.event = event;
    world.announce(node, announce);
  }
}

// How many of these peers the node knows in this role.
uint32_t known(World& world, size_t node, uint32_t first, uint32_t count, proto::PeerRole role) {
  const auto& records = world.node(node).swarms->records();
  uint32_t found = 0;
  for (uint32_t number = first; number < first + count; ++number) {
    const auto record = records.find(peer_of(number));
    if (record != records.end() && record->second.state.role == role) ++found;
  }
  return found;
}

// Whether all nodes hold the same within the limit; compared rarely, as there is much to compare.
bool converges(World& world, int64_t limit_us) {
  for (int64_t waited_us = 0; waited_us < limit_us; waited_us += kSecondUs) {
    if (world.difference(world.everyone()).empty()) return true;
    world.run_for(kSecondUs);
  }
  return world.difference(world.everyone()).empty();
}

TEST_CASE("when the pace is too low for all, stops arrive first and refreshes last") {
  for_each_seed([](World& world) {
    constexpr uint32_t kPeers = 2000;
    for (size_t i = 0; i < 3; ++i) {
      NodeSettings settings = settings_of(i, i == 0 ? std::vector<size_t>{} : std::vector<size_t>{0});
      settings.pace_bytes_per_s = 6'000;
      world.start(settings);
    }
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 5 * kSecondUs));
    announce_peers(world, 0, 0, kPeers);
    REQUIRE(world.run_until([&] { return world.status(0).waiting == 0; }, 15 * kSecondUs));
    world.run_for(kQuietUs);
    REQUIRE(world.difference(world.everyone()) == "");

    world.run_for(310 * kSecondUs);
    announce_peers(world, 0, 0, kPeers);  // still there: refreshes
    world.run_for(300'000);
    REQUIRE(world.status(0).waiting > kPeers / 2);
    announce_peers(world, 0, kPeers, 30, proto::Event::started);
    announce_peers(world, 0, 100, 30, proto::Event::stopped);
    world.run_for(700'000);
    REQUIRE(known(world, 1, 100, 30, proto::PeerRole::stopped) == 30);
    REQUIRE(known(world, 2, kPeers, 30, proto::PeerRole::leecher) == 30);
    REQUIRE(world.status(0).waiting > kPeers / 3);

    REQUIRE(converges(world, 15 * kSecondUs));
    for (const size_t index : world.everyone()) {
      REQUIRE(world.status(index).stats.dropped_pace == 0);
      REQUIRE(world.meshed(world.everyone()));
    }
  });
}

TEST_CASE("a clogged link delays its own receiver, and heals") {
  for_each_seed([](World& world) {
    start_mesh(world, 3);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
    world.run_for(kSecondUs);
    world.clog(0, 1, 20'000, 30'000);
    const uint64_t sent_before = world.status(0).stats.bytes_sent;
    for (uint32_t i = 0; i < 40; ++i) {  // a third more than fits
      announce_peers(world, 0, i * 100, 100);
      world.run_for(100'000);
    }
    world.run_for(kSecondUs);
    REQUIRE(world.difference({0, 2}) == "");
    REQUIRE(known(world, 1, 0, 4'000, proto::PeerRole::leecher) > 1'500);
    // Resending takes a fifth of the pace at most, and stays in proportion to what was sent.
    const uint64_t sent = world.status(0).stats.bytes_sent - sent_before;
    const uint64_t deltas = 2 * 4'000 * 30;
    REQUIRE(sent < 3 * deltas);
    world.heal();
    REQUIRE(converges(world, 10 * kSecondUs));
    REQUIRE(lost_of(world, 1) == 0);
    REQUIRE(world.meshed(world.everyone()));
  });
}

TEST_CASE("a node that leaves is heard although packets are lost") {
  for_each_seed([](World& world) {
    start_mesh(world, 4);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
    world.run_for(kSecondUs);
    world.weather.loss = 0.2;
    world.announce_for(kSecondUs, 50, world.everyone());
    world.stop(3);
    world.run_for(kSecondUs);
    for (const size_t index : {0, 1, 2}) {
      REQUIRE(logged(world.node(index), "member left"));
      REQUIRE(world.status(index).members[2].state == sync::MemberState::left);
    }
    // Its last deltas arrived too.
    REQUIRE(world.run_until([&] { return world.difference({0, 1, 2}) == ""; }, 3 * kSecondUs));
  });
}

}  // namespace
}  // namespace shoal::sim
