// Records that are missing here and there, among many: they are found by sketches, in few bytes.

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>

#include "scenario.h"

namespace shoal::sim {
namespace {

using Numbers = std::pair<uint32_t, uint32_t>;  // from, to

proto::Delta record(World& world, size_t node, uint32_t number) {
  proto::Delta delta;
  common::Prng hash(number);
  for (uint8_t& byte : delta.info_hash.bytes) byte = static_cast<uint8_t>(hash.next());
  delta.peer = common::make_endpoint_v4(0x0b000000 + number, 6881);
  // Of ages at which nothing is under way, nor about to expire while a scenario runs.
  delta.stamp = common::stamp_of(world.store_tick(node) - 5 - static_cast<common::Tick>(hash.below(140)));
  return delta;
}

// Gives these records to a node, as if it had always had them.
void give(World& world, size_t node, Numbers numbers) {
  std::vector<proto::Delta> deltas;
  deltas.reserve(numbers.second - numbers.first);
  for (uint32_t i = numbers.first; i < numbers.second; ++i) deltas.push_back(record(world, node, i));
  world.node(node).swarms->merge(deltas, world.store_tick(node));
}

void start_synced(World& world, size_t count) {
  for (size_t i = 0; i < count; ++i) world.start(settings_of(i, {0}));
  REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 20 * kSecondUs));
  const auto synced = [&] {
    for (const size_t index : world.everyone()) {
      if (world.status(index).phase != sync::SyncPhase::synced) return false;
    }
    return true;
  };
  REQUIRE(world.run_until(synced, 15 * kSecondUs));
}

// As equal_within(), by digests: comparing all records is slow.
bool same_within(World& world, int64_t limit_us) {
  const auto same = [&world] {
    const sync::StampDigests first = world.node(0).swarms->stamp_digests();
    for (const size_t index : world.everyone()) {
      if (!world.runs(index) || world.node(index).swarms->stamp_digests() != first) return false;
    }
    return true;
  };
  for (int64_t waited_us = 0; waited_us < limit_us && !same(); waited_us += kSecondUs) {
    world.run_for(kSecondUs);
  }
  return same();
}

template <class Of>
uint64_t sum(World& world, Of of) {
  uint64_t out = 0;
  for (const size_t index : world.everyone()) {
    if (world.node(index).cluster) out += of(world.status(index).stats);
  }
  return out;
}

uint64_t pull_bytes(World& world) {
  return sum(world, [](const sync::Stats& stats) { return stats.pulled_bytes + stats.pull_request_bytes; });
}
uint64_t sketches(World& world) {
  return sum(world, [](const sync::Stats& stats) { return stats.sketches_sent; });
}
uint64_t too_small(World& world) {
  return sum(world, [](const sync::Stats& stats) { return stats.sketches_too_small; });
}
uint64_t pulled_records(World& world) {
  return sum(world, [](const sync::Stats& stats) { return stats.pulled_records; });
}

constexpr uint32_t kRecords = 24'000;
constexpr uint32_t kMissing = 60;

// All have the same, but that each node has some that no other one has.
void scatter(World& world, uint32_t missing) {
  uint32_t next = kRecords;
  for (const size_t index : world.everyone()) {
    give(world, index, {0, kRecords});
    give(world, index, {next, next + missing});
    next += missing;
  }
}

TEST_CASE("what is missing here and there is found by sketches, at any loss") {
  for_each_seed(
      [](World& world) {
        start_synced(world, 2);
        world.weather.loss = 0.2 * world.prng().unit();
        scatter(world, kMissing);
        REQUIRE(same_within(world, 40 * kSecondUs));
        REQUIRE(sketches(world) > 0);
        REQUIRE(pulled_records(world) <= 2 * 2 * kMissing);
        REQUIRE(pull_bytes(world) <= 2 * kMissing * 110);
        // And then there is peace.
        world.weather.loss = 0;
        world.run_for(20 * kSecondUs);
        const uint64_t before = pull_bytes(world);
        world.run_for(30 * kSecondUs);
        REQUIRE(pull_bytes(world) == before);
      },
      3);
}

TEST_CASE("three nodes find by sketches what only one of them has") {
  for_each_seed(
      [](World& world) {
        start_synced(world, 3);
        scatter(world, kMissing);
        REQUIRE(same_within(world, 60 * kSecondUs));
        REQUIRE(pulled_records(world) <= 3 * 4 * kMissing);
      },
      2);
}

TEST_CASE("more differs than a sketch was made for") {
  for_each_seed(
      [](World& world) {
        start_synced(world, 2);
        scatter(world, 800);
        REQUIRE(same_within(world, 60 * kSecondUs));
        REQUIRE(too_small(world) > 0);
        REQUIRE(pulled_records(world) <= 2 * 2 * 800);
      },
      2);
}

TEST_CASE("where most differs no sketch is asked of") {
  for_each_seed(
      [](World& world) {
        start_synced(world, 2);
        give(world, 0, {0, kRecords});
        give(world, 1, {kRecords / 2, 2 * kRecords});
        REQUIRE(same_within(world, 60 * kSecondUs));
        REQUIRE(sketches(world) <= 6);
      },
      2);
}

TEST_CASE("a member that lies about sketches is asked in another way") {
  for_each_seed(
      [](World& world) {
        start_synced(world, 2);
        const uint32_t lies[] = {0, 1, 500, UINT32_MAX};
        for (const size_t node : {0u, 1u}) world.lie_about_sketches(node, lies[world.prng().below(4)]);
        scatter(world, kMissing);
        REQUIRE(same_within(world, 60 * kSecondUs));
        REQUIRE(sketches(world) > 0);
        REQUIRE(sketches(world) <= 6);
      },
      2);
}

TEST_CASE("sketches, cuts, damage, and nodes that start again") {
  for_each_seed(
      [](World& world) {
        start_synced(world, 3);
        scatter(world, kMissing);
        world.weather.loss = 0.1;
        for (int i = 0; i < 12; ++i) {
          world.run_for(world.prng().below(3'000'000));
          const size_t node = world.prng().below(3);
          const size_t other = (node + 1) % 3;
          switch (world.prng().below(5)) {
            case 0:
              cut_between(world, node, other);
              break;
            case 1:
              world.damage_stream(node);
              break;
            case 2:
              world.clog(node);
              break;
            case 3:
              world.heal();
              world.unclog();
              break;
            default:
              if (i % 3 != 0 || !world.runs(node)) break;
              world.crash(node);
              world.restart(node);
          }
        }
        world.heal();
        world.unclog();
        REQUIRE(same_within(world, 90 * kSecondUs));
      },
      4);
}

// The figures of docs/BENCHMARKS.md, not a test: of SHOAL_RECORDS (5000000 by default) some are missing.
TEST_CASE("figures of repair" * doctest::skip()) {
  const char* text = std::getenv("SHOAL_RECORDS");
  const auto records = static_cast<uint32_t>(text != nullptr ? std::atoi(text) : 5'000'000);
  World world(1);
  start_synced(world, 2);
  for (const size_t node : {0u, 1u}) give(world, node, {0, records});
  world.run_for(20 * kSecondUs);
  uint32_t next = records;
  for (const uint32_t missing : {100u, 1000u, 10'000u}) {
    for (const uint32_t at_other : {0u, missing / 2}) {
      for (const double loss : {0.0, 0.2}) {
        world.weather.loss = loss;
        const uint64_t bytes_before = pull_bytes(world);
        const uint64_t sketches_before = sketches(world);
        const uint64_t small_before = too_small(world);
        give(world, 0, {next, next + at_other});
        give(world, 1, {next + at_other, next + missing});
        next += missing;
        const int64_t start_us = world.now_us();
        const auto equal = [&] {
          return world.node(0).swarms->stamp_digests() == world.node(1).swarms->stamp_digests();
        };
        REQUIRE(world.run_until(equal, 300 * kSecondUs));
        const double seconds = static_cast<double>(world.now_us() - start_us) / kSecondUs;
        world.run_for(30 * kSecondUs);  // what is still looked for in vain
        const auto bytes = static_cast<double>(pull_bytes(world) - bytes_before);
        std::printf(
            "%5u of %u missing, %u of them at the other node, loss %2.0f %%: %.1f s, %.0f bytes, %.1f each; "
            "%u sketches, %u too small\n",
            missing, records, at_other, loss * 100, seconds, bytes, bytes / missing,
            static_cast<unsigned>(sketches(world) - sketches_before),
            static_cast<unsigned>(too_small(world) - small_before));
        std::fflush(stdout);
      }
    }
  }
}

}  // namespace
}  // namespace shoal::sim
