// Links that pass in one direction only, for good: each side says so, and what is announced on one node
// reaches all within a bound, by a member that reaches both or by TCP.

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "scenario.h"

namespace shoal::sim {
namespace {

using sync::MemberState;
using sync::MemberStatus;

// The whole of a tick, two ticks that digests leave to deltas, a round of digests, their cells, a pull.
constexpr int64_t kTickUs = 15 * kSecondUs;
constexpr int64_t kByDigestsUs = 3 * kTickUs + 15 * kSecondUs;
// The pause between two pulls by TCP, and a pull.
constexpr int64_t kByTcpUs = 20 * kSecondUs;
constexpr int64_t kByDeltasUs = kSecondUs;
constexpr int64_t kNoticedUs = 12 * kSecondUs;

MemberStatus member(World& world, size_t at, size_t of) {
  for (const MemberStatus& one : world.status(at).members) {
    if (one.name == world.node(of).settings.name) return one;
  }
  REQUIRE(false);
  return {};
}

MemberState state(World& world, size_t at, size_t of) { return member(world, at, of).state; }

void start_together(World& world, size_t count) {
  start_mesh(world, count);
  std::vector<size_t> all = world.everyone();
  for (const size_t index : all) world.set_seeds(index, all);
  REQUIRE(world.run_until(
      [&] {
        return world.meshed(all) && std::all_of(all.begin(), all.end(), [&](size_t index) {
                 return world.status(index).phase == sync::SyncPhase::synced;
               });
      },
      30 * kSecondUs));
}

node::PeerAnnounce announce_of(uint8_t number) {
  node::PeerAnnounce announce;
  announce.info_hash.bytes.fill(number);
  announce.peer = common::make_endpoint_v4(0xcb007100 + number, 6881);
  announce.seeder = true;
  return announce;
}

// Announces one peer at `at`, and how long it takes until `node` has it; `limit_us` if it is longer.
int64_t reaches(World& world, size_t at, size_t node, uint8_t number, int64_t limit_us) {
  const node::PeerAnnounce announce = announce_of(number);
  world.announce(at, announce);
  const int64_t begin_us = world.now_us();
  world.run_until(
      [&] {
        return world.record(node, {announce.info_hash, announce.peer}).has_value();
      },
      limit_us);
  return world.now_us() - begin_us;
}

TEST_CASE("one way: each side says what it is, and with a third member that reaches both all agree") {
  for_each_seed([](World& world) {
    start_together(world, 3 + world.prng().below(3));
    world.cut(0, 1);
    world.run_for(kNoticedUs);
    CHECK(state(world, 0, 1) == MemberState::one_way);
    CHECK(state(world, 1, 0) == MemberState::down);
    CHECK(member(world, 1, 0).heard_by.size() == world.size() - 2);
    CHECK(logged(world.node(0), "member is heard, but does not hear this node"));
    for (uint8_t i = 0; i < 5; ++i) {
      // The way that works is used.
      CHECK(reaches(world, 1, 0, static_cast<uint8_t>(10 + i), kByDeltasUs + 1) <= kByDeltasUs);
      CHECK(reaches(world, 0, 1, static_cast<uint8_t>(20 + i), kByDigestsUs + 1) <= kByDigestsUs);
    }
    // It stays what it is: neither side takes turns between two states.
    for (int i = 0; i < 120; ++i) {
      REQUIRE(state(world, 0, 1) == MemberState::one_way);
      REQUIRE(state(world, 1, 0) == MemberState::down);
      world.run_for(kSecondUs);
    }
    world.heal();
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 200 * kSecondUs));
    world.run_for(kSecondUs);
    CHECK(logged(world.node(0), "member hears this node again"));
    REQUIRE(equal_within(world, kByDigestsUs));
  });
}

TEST_CASE("one way: many links, for good, and all agree as long as one member reaches all both ways") {
  for_each_seed([](World& world) {
    const size_t count = 4 + world.prng().below(3);
    start_together(world, count);
    const size_t hub = world.prng().below(static_cast<uint32_t>(count));
    for (size_t a = 0; a < count; ++a) {
      for (size_t b = 0; b < a; ++b) {
        if (a == hub || b == hub || world.prng().below(3) == 0) continue;
        const bool turned = world.prng().below(2) == 0;
        world.cut(turned ? b : a, turned ? a : b);
      }
    }
    world.announce_for(40 * kSecondUs, 200, world.everyone());
    REQUIRE(equal_within(world, kByDigestsUs));
    world.announce_for(40 * kSecondUs, 200, world.everyone());
    REQUIRE(equal_within(world, kByDigestsUs));
  });
}

TEST_CASE("one way: two nodes whose TCP passes exchange everything by that") {
  for_each_seed([](World& world) {
    start_together(world, 2);
    world.cut_datagrams(0, 1);
    const bool both = world.prng().below(3) == 0;
    if (both) world.cut_datagrams(1, 0);
    world.run_for(kNoticedUs + kByTcpUs);
    CHECK(state(world, 0, 1) == (both ? MemberState::down : MemberState::one_way));
    CHECK(state(world, 1, 0) == MemberState::down);
    CHECK(member(world, 1, 0).answers_pulls);
    for (uint8_t i = 0; i < 10; ++i) {
      const int64_t there_us = both ? kByTcpUs : kByDeltasUs;
      CHECK(reaches(world, 1, 0, static_cast<uint8_t>(10 + i), there_us + 1) <= there_us);
      CHECK(reaches(world, 0, 1, static_cast<uint8_t>(40 + i), kByTcpUs + 1) <= kByTcpUs);
    }
    world.announce_for(60 * kSecondUs, 300, {0, 1});
    world.run_for(2 * kByTcpUs);
    REQUIRE(world.difference({0, 1}) == "");
    world.heal();
    REQUIRE(world.run_until([&] { return world.meshed({0, 1}); }, 200 * kSecondUs));
    const uint64_t pulls = world.status(1).stats.pulls_started;
    world.run_for(60 * kSecondUs);
    CHECK(world.status(1).stats.pulls_started <= pulls + 2);
  });
}

TEST_CASE("one way: datagrams that nobody hears pause for longer than any router keeps a flow") {
  for_each_seed([](World& world) {
    start_together(world, 2);
    world.cut(0, 1);
    const common::Endpoint deaf = world.node(1).address;
    // The longest times in which nothing was sent to it.
    int64_t pause_us = 0;
    int64_t last_us = world.now_us();
    world.watch = [&](size_t from, const common::Endpoint& to) {
      if (from != 0 || to != deaf) return;
      pause_us = std::max(pause_us, world.now_us() - last_us);
      last_us = world.now_us();
    };
    world.run_for(60 * kSecondUs);
    CHECK(pause_us < 3 * kSecondUs);
    world.run_for(60 * kSecondUs);
    CHECK(pause_us > 31 * kSecondUs);
    world.run_for(900 * kSecondUs);
    CHECK(pause_us > 181 * kSecondUs);
    CHECK(pause_us < 200 * kSecondUs);
    world.heal();
    REQUIRE(world.run_until([&] { return world.meshed({0, 1}); }, 200 * kSecondUs));
    pause_us = 0;
    world.run_for(300 * kSecondUs);
    CHECK(pause_us < 3 * kSecondUs);
    world.watch = nullptr;
  });
}

TEST_CASE("one way: a silent peer is tried again within a minute of its start, however long it was silent") {
  for_each_seed([](World& world) {
    world.start(settings_of(0, {}));
    world.start(settings_of(1, {}));
    world.crash(1);
    world.set_seeds(0, {1});
    world.run_for((200 + world.prng().below(900)) * kSecondUs);
    world.restart(1);  // it names nobody, so it must be found
    REQUIRE(world.run_until([&] { return world.meshed({0, 1}); }, 40 * kSecondUs));
  });
}

}  // namespace
}  // namespace shoal::sim
