#include <doctest/doctest.h>

#include <array>
#include <set>
#include <vector>

#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using test::announce;
using test::hash_of;

namespace {

constexpr common::Tick kNow = 1'000'000;

// Swarms of every form: without one family, small, large, with stopped peers.
void fill(node::SwarmStore& store, common::Prng& prng) {
  for (uint64_t swarm = 0; swarm < 200; ++swarm) {
    const auto peers = static_cast<uint32_t>(swarm < 5 ? 500 : 1 + swarm % 40);
    for (uint32_t i = 0; i < peers; ++i) {
      announce(store, {.hash = swarm, .peer = test::v4_peer(i), .seeder = i % 3 == 0}, kNow, prng);
      if (swarm % 2 == 0) announce(store, {.hash = swarm, .peer = test::v6_peer(i)}, kNow, prng);
      if (i % 5 == 0) {
        announce(store, {.hash = swarm, .peer = test::v4_peer(i), .event = proto::Event::stopped}, kNow,
                 prng);
      }
    }
  }
}

uint64_t records(const node::StoreTotals& totals) {
  return totals.seeders_v4 + totals.leechers_v4 + totals.stopped_v4 + totals.seeders_v6 + totals.leechers_v6 +
         totals.stopped_v6;
}

}  // namespace

TEST_CASE("store: dropped swarms leave nothing behind, the others stay") {
  const auto store = test::make_store(true);
  common::Prng prng(5);
  fill(*store, prng);
  std::vector<proto::SwarmCounts> before;
  for (uint64_t swarm = 0; swarm < 200; ++swarm) {
    before.push_back(store->scrape(store->locate(hash_of(swarm)), hash_of(swarm)));
  }
  CHECK(test::drop(*store, hash_of(3)));
  CHECK(!test::drop(*store, hash_of(3)));
  CHECK(!test::drop(*store, hash_of(777)));
  size_t dropped = 0;
  for (size_t shard = 0; shard < node::SwarmStore::kShards; ++shard) {
    dropped += test::drop_if(*store, shard, [](const common::InfoHash& hash) {
      for (uint64_t swarm = 0; swarm < 200; swarm += 4) {
        if (hash == hash_of(swarm)) return true;
      }
      return false;
    });
  }
  CHECK(dropped == 50);
  for (uint64_t swarm = 0; swarm < 200; ++swarm) {
    CAPTURE(swarm);
    const auto counts = store->scrape(store->locate(hash_of(swarm)), hash_of(swarm));
    const bool gone = swarm == 3 || swarm % 4 == 0;
    CHECK(counts == (gone ? proto::SwarmCounts{} : before[swarm]));
  }
  CHECK(store->totals().swarms == 149);
  for (size_t shard = 0; shard < node::SwarmStore::kShards; ++shard) {
    test::drop_if(*store, shard, [](const common::InfoHash&) { return true; });
  }
  CHECK(store->totals().swarms == 0);
  CHECK(records(store->totals()) == 0);
  // Afterwards the store works as before.
  fill(*store, prng);
  CHECK(store->totals().swarms == 200);
}

TEST_CASE("store: a swarm that is not served is not merged, whichever way it arrives") {
  const auto from = test::make_store(true);
  const auto to = test::make_store(true);
  common::Prng prng(6);
  std::vector<proto::Delta> deltas;
  for (uint64_t swarm = 0; swarm < 10; ++swarm) {
    deltas.push_back(*announce(*from, {.hash = swarm, .peer = test::v4_peer(1)}, kNow, prng).answer.delta);
  }
  to->serve_only([](const common::InfoHash& hash) { return hash != hash_of(4); });
  CHECK(!to->serves(hash_of(4)));
  CHECK(to->serves(hash_of(5)));
  CHECK(to->merge(deltas, kNow) == 9);
  CHECK(to->merge_part({hash_of(4), 7, {&deltas[4], 1}}, kNow) == 0);
  CHECK(to->scrape(to->locate(hash_of(4)), hash_of(4)) == proto::SwarmCounts{});
  CHECK(to->totals().swarms == 9);
  to->serve_only(nullptr);
  CHECK(to->serves(hash_of(4)));
  CHECK(to->merge(deltas, kNow) == 1);
}

TEST_CASE("store: no read of the whole store visits a swarm that is no longer served") {
  const auto store = test::make_store(true);
  common::Prng prng(7);
  fill(*store, prng);
  const auto served = [](const common::InfoHash& hash) { return hash == hash_of(3) || hash == hash_of(20); };
  store->serve_only(served);
  std::set<common::InfoHash> read;
  std::set<common::InfoHash> visited;
  std::set<common::InfoHash> counted;
  for (size_t shard = 0; shard < node::SwarmStore::kShards; ++shard) {
    store->read(shard, sync::Cells::everything(), kNow,
                [&](const sync::SwarmPart& part) { read.insert(part.info_hash); });
    store->for_each(shard, [&](const proto::Delta& delta) { visited.insert(delta.info_hash); });
    std::array<proto::ScrapedSwarm, 1> one;
    uint32_t below = node::SwarmStore::kAllSwarms;
    while (store->copy_counts(shard, below, one) == 1) counted.insert(one[0].info_hash);
  }
  const std::set<common::InfoHash> expected = {hash_of(3), hash_of(20)};
  CHECK(read == expected);
  CHECK(visited == expected);
  CHECK(counted == expected);
  CHECK(store->totals().swarms == 200);
  store->serve_only(nullptr);
  CHECK(test::content(*store).size() == records(store->totals()));
}

TEST_CASE("store: denied swarms in the same shard hide no served one") {
  // Enough that every shard has some: the last copied of a shard is hardly ever the served one.
  const auto store = test::make_store(false);
  common::Prng prng(8);
  for (uint64_t swarm = 0; swarm < 5000; ++swarm) {
    announce(*store, {.hash = swarm, .peer = test::v4_peer(1), .want = 0}, kNow, prng);
  }
  std::set<common::InfoHash> expected;
  for (uint64_t swarm = 0; swarm < 5000; swarm += 100) expected.insert(hash_of(swarm));
  store->serve_only([&](const common::InfoHash& hash) { return expected.contains(hash); });
  std::set<common::InfoHash> counted;
  for (size_t shard = 0; shard < node::SwarmStore::kShards; ++shard) {
    std::array<proto::ScrapedSwarm, 2> step;
    uint32_t below = node::SwarmStore::kAllSwarms;
    while (const size_t count = store->copy_counts(shard, below, step)) {
      for (size_t i = 0; i < count; ++i) counted.insert(step[i].info_hash);
    }
  }
  CHECK(counted == expected);
}
