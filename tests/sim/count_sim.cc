// What is counted is counted once, whichever way it arrives.

#include <doctest/doctest.h>

#include "scenario.h"

namespace shoal::sim {
namespace {

TEST_CASE("a completed peer is counted once, whether it is sent, resent or pulled") {
  for_each_seed([](World& world) {
    start_mesh(world, 3);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 3 * kSecondUs));
    world.weather.loss = 0.4;
    world.weather.delay_max_us = 200'000;
    node::PeerAnnounce announce;
    announce.info_hash.bytes.fill(0x5a);
    announce.event = proto::Event::completed;
    constexpr uint32_t kCompleted = 300;
    // Some are only found by digests, while others are underway.
    for (uint32_t i = 0; i < kCompleted; ++i) {
      world.queues_overflow = world.prng().below(4) == 0;
      announce.peer = common::make_endpoint_v4(0xc0000200 + i, 6881);
      world.announce(world.prng().below(3), announce);
      world.run_for(400'000);
    }
    world.weather = Weather();
    REQUIRE(world.run_until([&] { return world.difference(world.everyone()).empty(); }, 90 * kSecondUs));
    for (const size_t index : world.everyone()) {
      REQUIRE(world.status(index).stats.pulls_finished > 0);
      REQUIRE(world.node(index).swarms->completed(announce.info_hash) == kCompleted);
    }
  });
}

}  // namespace
}  // namespace shoal::sim
