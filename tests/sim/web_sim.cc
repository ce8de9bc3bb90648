// Web peers and their messages: records follow the node that holds the connections, whatever the network
// does; messages arrive soon or not at all.

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "common/web_address.h"
#include "scenario.h"

namespace shoal::sim {
namespace {

// Until a node that is silent is down.
constexpr int64_t kDownUs = 7'500'000;

uint64_t run_of(World& world, size_t node) { return world.status(node).incarnation; }

void start_synced(World& world, size_t count) {
  start_mesh(world, count);
  const auto all = world.everyone();
  REQUIRE(world.run_until(
      [&] {
        return world.meshed(all) && std::all_of(all.begin(), all.end(), [&](size_t index) {
                 return world.status(index).phase == sync::SyncPhase::synced;
               });
      },
      60 * kSecondUs));
}

PeerKey web_key(World& world, size_t node, uint64_t number) {
  common::InfoHash hash;
  hash.bytes.fill(static_cast<uint8_t>(number % 5));
  return {hash, common::to_endpoint({run_of(world, node), common::web_connection(0, number)})};
}

PeerKey announce_web(World& world, size_t node, uint64_t number, proto::Event event = proto::Event::none) {
  const PeerKey key = web_key(world, node, number);
  node::PeerAnnounce announce;
  announce.info_hash = key.first;
  announce.peer = key.second;
  announce.event = event;
  announce.seeder = number % 2 == 0;
  world.announce(node, announce);
  return key;
}

// Live web peers that a node knows, of this run.
size_t known_of(World& world, size_t node, uint64_t run) {
  const auto records = world.records(node);
  return static_cast<size_t>(std::count_if(records.begin(), records.end(), [run](const auto& entry) {
    const auto address = common::from_endpoint(entry.first.second);
    return address && address->run == run && entry.second.state.role != proto::PeerRole::stopped;
  }));
}

bool all_know(World& world, const std::vector<size_t>& nodes, uint64_t run, size_t count) {
  return std::all_of(nodes.begin(), nodes.end(),
                     [&](size_t node) { return known_of(world, node, run) == count; });
}

std::vector<uint8_t> message_of(uint32_t number, size_t size) {
  std::vector<uint8_t> message(size, static_cast<uint8_t>(number));
  for (size_t i = 0; i < 4 && i < size; ++i) message[i] = static_cast<uint8_t>(number >> 8 * i);
  return message;
}

TEST_CASE("web peers reach all nodes like others, and a node that joins gets them") {
  const auto run = [](World& world) {
    start_synced(world, 3);
    world.weather.loss = 0.1;
    for (uint64_t i = 0; i < 60; ++i) announce_web(world, i % 3, i);
    for (uint64_t i = 0; i < 15; ++i) announce_web(world, 0, 3 * i, proto::Event::stopped);
    const auto all_three = [&] {
      return all_know(world, {0, 1, 2}, run_of(world, 0), 5) &&
             all_know(world, {0, 1, 2}, run_of(world, 2), 20);
    };
    REQUIRE(world.run_until(all_three, 10 * kSecondUs));
    const size_t fourth = world.start(settings_of(3, {0}));
    REQUIRE(world.run_until(
        [&] {
          return world.status(fourth).phase == sync::SyncPhase::synced &&
                 known_of(world, fourth, run_of(world, 0)) == 5 &&
                 known_of(world, fourth, run_of(world, 1)) == 20 &&
                 known_of(world, fourth, run_of(world, 2)) == 20;
        },
        120 * kSecondUs));
    world.weather.loss = 0;
    CHECK(equal_within(world, 60 * kSecondUs));
  };
  for_each_seed(run, 10);
}

TEST_CASE("what deltas did not bring, digests do, also of web peers") {
  const auto run = [](World& world) {
    start_synced(world, 3);
    world.queues_overflow = true;
    for (uint64_t i = 0; i < 30; ++i) announce_web(world, 1, i);
    world.queues_overflow = false;
    world.run_for(kSecondUs);
    CHECK(known_of(world, 0, run_of(world, 1)) == 0);
    CHECK(world.run_until([&] { return all_know(world, {0, 2}, run_of(world, 1), 30); }, 90 * kSecondUs));
  };
  for_each_seed(run, 5);
}

TEST_CASE("a node that dies takes its web peers along, on all nodes, and the rest stays equal") {
  const auto run = [](World& world) {
    start_synced(world, 4);
    for (uint64_t i = 0; i < 80; ++i) announce_web(world, i % 4, i);
    const uint64_t dead = run_of(world, 2);
    REQUIRE(world.run_until([&] { return all_know(world, {0, 1, 3}, dead, 20); }, 10 * kSecondUs));
    world.crash(2);
    const int64_t began_us = world.now_us();
    REQUIRE(world.run_until([&] { return all_know(world, {0, 1, 3}, dead, 0); }, 30 * kSecondUs));
    CHECK(world.now_us() - began_us <= kDownUs + kSecondUs);
    CHECK(all_know(world, {0, 1, 3}, run_of(world, 1), 20));
    CHECK(world.difference_in_all({0, 1, 3}).empty());
    // Its next run holds none of them, and its new ones are taken everywhere.
    world.restart(2);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 60 * kSecondUs));
    for (uint64_t i = 0; i < 10; ++i) announce_web(world, 2, 100 + i);
    REQUIRE(world.run_until(
        [&] {
          return all_know(world, {0, 1, 2, 3}, run_of(world, 2), 10);
        },
        60 * kSecondUs));
    CHECK(all_know(world, {0, 1, 2, 3}, dead, 0));
    REQUIRE(world.run_until(
        [&] {
          return all_know(world, {0, 1, 2, 3}, run_of(world, 1), 20);
        },
        120 * kSecondUs));
    CHECK(equal_within(world, 60 * kSecondUs));
  };
  for_each_seed(run, 10);
}

TEST_CASE("a node that restarts at once, before anyone missed it, has lost its web peers") {
  const auto run = [](World& world) {
    start_synced(world, 3);
    for (uint64_t i = 0; i < 20; ++i) announce_web(world, 1, i);
    const uint64_t before = run_of(world, 1);
    REQUIRE(world.run_until([&] { return all_know(world, {0, 2}, before, 20); }, 10 * kSecondUs));
    world.crash(1);
    world.restart(1);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 60 * kSecondUs));
    CHECK(world.run_until([&] { return all_know(world, {0, 1, 2}, before, 0); }, kSecondUs));
    // Nobody brings them back.
    world.run_for(60 * kSecondUs);
    CHECK(all_know(world, {0, 1, 2}, before, 0));
  };
  for_each_seed(run, 10);
}

TEST_CASE("a cut drops the web peers of the other side, and they are back when it heals") {
  const auto run = [](World& world) {
    start_synced(world, 4);
    for (uint64_t i = 0; i < 40; ++i) announce_web(world, i % 4, i);
    REQUIRE(world.run_until([&] { return all_know(world, world.everyone(), run_of(world, 3), 10); },
                            10 * kSecondUs));
    for (const size_t a : {0, 1}) {
      for (const size_t b : {2, 3}) cut_between(world, a, b);
    }
    world.run_for(30 * kSecondUs);
    CHECK(all_know(world, {0, 1}, run_of(world, 3), 0));
    CHECK(all_know(world, {2, 3}, run_of(world, 3), 10));
    CHECK(all_know(world, {2, 3}, run_of(world, 0), 0));
    world.heal();
    const auto back = [&] {
      const auto nodes = world.everyone();
      return std::all_of(nodes.begin(), nodes.end(),
                         [&](size_t of) { return all_know(world, nodes, run_of(world, of), 10); });
    };
    CHECK(world.run_until(back, 120 * kSecondUs));
  };
  for_each_seed(run, 10);
}

TEST_CASE("messages between web peers arrive whole, soon or not at all, whatever the weather") {
  const auto run = [](World& world) {
    start_synced(world, 3);
    world.weather = {.loss = 0.1, .duplicate = 0.2, .delay_min_us = 200, .delay_max_us = 60'000};
    size_t sent = 0;
    for (uint32_t i = 0; i < 300; ++i) {
      const size_t from = i % 3;
      const size_t to = (from + 1 + world.prng().below(2)) % 3;
      world.relay(from, run_of(world, to), message_of(i, 4 + world.prng().below(4'000)));
      ++sent;
      world.run_for(20'000);
    }
    world.run_for(5 * kSecondUs);
    std::vector<uint32_t> seen;
    for (const size_t node : world.everyone()) {
      for (const sync::Relayed& one : world.node(node).relayed) {
        uint32_t number = 0;
        for (size_t i = 0; i < 4; ++i) number |= static_cast<uint32_t>(one.message[i]) << 8 * i;
        CHECK(one.message == message_of(number, one.message.size()));
        CHECK(one.from_run == run_of(world, number % 3));
        CHECK(one.from_run != run_of(world, node));
        seen.push_back(number);
      }
    }
    std::sort(seen.begin(), seen.end());
    CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
    // Up to four parts, each lost once in ten times.
    CHECK(seen.size() > sent * 6 / 10);
    CHECK(seen.size() < sent);
    uint64_t incomplete = 0;
    for (const size_t node : world.everyone()) incomplete += world.status(node).stats.relays_incomplete;
    CHECK(incomplete > 0);
  };
  for_each_seed(run, 10);
}

TEST_CASE("a link that passes one way carries no messages, and holds none back") {
  const auto run = [](World& world) {
    start_synced(world, 3);
    world.cut(1, 0);
    // 0 hears 1 no more; 1 hears 0 and learns that.
    world.run_for(30 * kSecondUs);
    const uint64_t before_0 = world.status(0).stats.relays_unreachable;
    const uint64_t before_1 = world.status(1).stats.relays_unreachable;
    for (uint32_t i = 0; i < 10; ++i) {
      world.relay(0, run_of(world, 1), message_of(i, 100));
      world.relay(1, run_of(world, 0), message_of(i, 100));
      world.relay(2, run_of(world, i % 2), message_of(i, 5'000));
    }
    world.run_for(5 * kSecondUs);
    CHECK(world.status(0).stats.relays_unreachable == before_0 + 10);
    CHECK(world.status(1).stats.relays_unreachable == before_1 + 10);
    CHECK(world.node(0).relayed.size() + world.node(1).relayed.size() == 10);
  };
  for_each_seed(run, 5);
}

TEST_CASE("a slow link: messages are late rather than in the way of deltas") {
  const auto run = [](World& world) {
    start_synced(world, 2);
    for (uint32_t i = 0; i < 200; ++i) {
      std::vector<uint8_t> message(12'000);
      for (uint8_t& byte : message) byte = static_cast<uint8_t>(world.prng().next());
      world.relay(0, run_of(world, 1), message);
    }
    const PeerKey key = announce_web(world, 0, 1);
    CHECK(world.run_until([&] { return world.record(1, key).has_value(); }, 2 * kSecondUs));
    world.run_for(5 * kSecondUs);
    const sync::Stats stats = world.status(0).stats;
    CHECK(stats.relays_sent + stats.relays_late + stats.relays_crowded == 200);
    CHECK(stats.relays_crowded > 0);
    CHECK(world.node(1).relayed.size() == stats.relays_sent);
  };
  for_each_seed(run, 5);
}

}  // namespace
}  // namespace shoal::sim
