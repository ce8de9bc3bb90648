#include <doctest/doctest.h>

#include <vector>

#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using test::announce;
using test::hash_of;

namespace {

constexpr common::Tick kNow = 1'000'000;

// Swarms of every form: empty of a family, small, large, with stopped peers.
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
  CHECK(store->drop(hash_of(3)));
  CHECK(!store->drop(hash_of(3)));
  CHECK(!store->drop(hash_of(777)));
  size_t dropped = 0;
  for (size_t shard = 0; shard < node::SwarmStore::kShards; ++shard) {
    dropped += store->drop_if(shard, [](const common::InfoHash& hash) {
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
    store->drop_if(shard, [](const common::InfoHash&) { return true; });
  }
  CHECK(store->totals().swarms == 0);
  CHECK(records(store->totals()) == 0);
  // And it goes on as if nothing had been.
  fill(*store, prng);
  CHECK(store->totals().swarms == 200);
}

TEST_CASE("store: what is not admitted is not merged") {
  const auto from = test::make_store(true);
  const auto to = test::make_store(true);
  common::Prng prng(6);
  std::vector<proto::Delta> deltas;
  for (uint64_t swarm = 0; swarm < 10; ++swarm) {
    deltas.push_back(*announce(*from, {.hash = swarm, .peer = test::v4_peer(1)}, kNow, prng).answer.delta);
  }
  to->admit_only([](const common::InfoHash& hash) { return hash != hash_of(4); });
  CHECK(to->merge(deltas, kNow) == 9);
  CHECK(to->scrape(to->locate(hash_of(4)), hash_of(4)) == proto::SwarmCounts{});
  to->admit_only(nullptr);
  CHECK(to->merge(deltas, kNow) == 1);
}
