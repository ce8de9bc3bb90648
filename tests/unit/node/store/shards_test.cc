// Shards that nothing was written to: as if they were there, without their memory.

#include "node/store/shards.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <memory>
#include <vector>

#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using node::SwarmStore;
using test::hash_of;
using test::make_store;
using test::v4_peer;

namespace {

constexpr common::Tick kNow = 118'000'000;

uint64_t resident_bytes() {
  uint64_t all = 0;
  uint64_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("shards: a store that holds nothing takes next to no memory, also when it is read and swept") {
  constexpr size_t kStores = 64;
  const uint64_t before = resident_bytes();
  std::vector<std::unique_ptr<SwarmStore>> stores;
  for (size_t i = 0; i < kStores; ++i) {
    stores.push_back(make_store(true));
    SwarmStore& store = *stores.back();
    for (size_t shard = 0; shard < SwarmStore::kShards; ++shard) store.expire_shard(shard, kNow);
    CHECK(test::scrape(store, 1) == proto::SwarmCounts{});
    CHECK(store.totals().swarms == 0);
  }
  CHECK(resident_bytes() - before < kStores * node::Shards::kBytes / 8);
}

TEST_CASE("shards: a ref that was used for a large swarm leaves one that is not made alone") {
  const auto store = make_store(false);
  std::array<node::PeerRef, 1> refs{node::PeerRef{.swarm = store->locate(hash_of(1)), .peer = v4_peer(1)}};
  refs[0].large = true;
  store->prefetch(refs);
  CHECK_FALSE(refs[0].large);
}

TEST_CASE("shards: one that is not made is an empty one to all who read") {
  const auto store = make_store(true);
  common::Prng prng(1);
  const auto ref = store->locate(hash_of(1));
  const node::PeerAnnounce announce{.info_hash = hash_of(1), .peer = v4_peer(1), .want_v4 = 50};
  std::vector<uint8_t> room(50 * 18);
  const node::PeerAnswer peeked = store->peek(ref, announce, prng, {.v4 = room, .v6 = room});
  CHECK(peeked.counts == proto::SwarmCounts{});
  CHECK(peeked.peers_v4 == 0);
  CHECK(!store->inspect(ref, hash_of(1), 10, prng));
  CHECK(!test::drop(*store, hash_of(1)));
  for (size_t shard = 0; shard < SwarmStore::kShards; ++shard) {
    size_t visited = 0;
    store->for_each(shard, [&](const proto::Delta&) { ++visited; });
    CHECK(visited == 0);
    uint32_t below = SwarmStore::kAllSwarms;
    std::vector<proto::ScrapedSwarm> copied(4);
    CHECK(store->copy_counts(shard, below, copied) == 0);
    CHECK(test::drop_if(*store, shard, [](const common::InfoHash&) { return true; }) == 0);
    const node::SweepPart swept = store->expire_part(shard, kNow);
    CHECK(swept.finished);
    CHECK(store->drop_runs(shard, {}).finished);
  }
  // And then it is made.
  test::announce(*store, {.hash = 1, .peer = v4_peer(1)}, kNow);
  CHECK(test::scrape(*store, 1).leechers == 1);
  CHECK(store->inspect(ref, hash_of(1), 10, prng)->counts.leechers == 1);
}

TEST_CASE("shards: nothing changes when so many are made that they go on huge pages") {
  const auto store = make_store(true);
  constexpr uint32_t kSwarms = 4 * node::Shards::kCount;
  for (uint32_t i = 0; i < kSwarms; ++i) test::announce(*store, {.hash = i, .peer = v4_peer(i)}, kNow);
  for (uint32_t i = 0; i < kSwarms; ++i) CHECK(test::scrape(*store, i).leechers == 1);
  CHECK(store->totals().swarms == kSwarms);
}
