// The digests a store keeps beside its records: always those of what it holds, and equal in two stores that
// hold the same.

#include <doctest/doctest.h>

#include <optional>
#include <set>

#include "node/store/digest_table.h"
#include "node/store/peer_record.h"
#include "tests/unit/support/pages_made.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using common::Family;
using common::Tick;
using test::hash_of;

namespace {

constexpr Tick kNow = 118'000'000;

uint64_t hash_of_record(const proto::Delta& delta) {
  const proto::RecordHash hash(delta.info_hash, delta.peer.family == Family::web);
  return delta.peer.family == Family::v4 ? hash(node::key_of<Family::v4>(delta.peer), delta.state.byte())
                                         : hash(node::key_of<Family::v6>(delta.peer), delta.state.byte());
}

using Cell = std::pair<size_t, common::Stamp>;  // bucket, stamp

// Recomputed from the records; cells whose digest is 0 are left out.
std::map<Cell, uint64_t> recounted(const node::SwarmStore& store) {
  std::map<Cell, uint64_t> cells;
  for (const auto& [key, delta] : test::content(store)) {
    cells[{proto::digest_bucket(delta.info_hash), delta.stamp}] ^= hash_of_record(delta);
  }
  std::erase_if(cells, [](const auto& cell) { return cell.second == 0; });
  return cells;
}

std::map<Cell, uint64_t> kept(const node::SwarmStore& store) {
  std::map<Cell, uint64_t> cells;
  const sync::StampDigests sums = store.stamp_digests();
  for (size_t stamp = 0; stamp < sums.size(); ++stamp) {
    uint64_t sum = 0;
    const sync::BucketDigests buckets = store.bucket_digests(static_cast<common::Stamp>(stamp));
    for (size_t bucket = 0; bucket < buckets.size(); ++bucket) {
      sum ^= buckets[bucket];
      if (buckets[bucket] != 0) cells[{bucket, static_cast<common::Stamp>(stamp)}] = buckets[bucket];
    }
    CHECK(sums[stamp] == sum);
  }
  return cells;
}

common::Endpoint some_peer(common::Prng& prng, uint32_t count) {
  const uint32_t number = prng.below(count);
  return number % 3 != 0   ? test::v4_peer(number)
         : number % 2 != 0 ? test::v6_peer(number)
                           : test::web_peer(number);
}

proto::Delta some_delta(common::Prng& prng, Tick now, uint32_t peers) {
  const Tick tick = now + 30 - prng.below(220);
  return {hash_of(prng.below(12)),
          some_peer(prng, peers),
          {static_cast<proto::PeerRole>(prng.below(3)), prng.below(6) == 0},
          common::stamp_of(tick)};
}

void announce_some(node::SwarmStore& store, common::Prng& prng, Tick now, uint32_t peers) {
  constexpr proto::Event kEvents[] = {proto::Event::none, proto::Event::started, proto::Event::completed,
                                      proto::Event::stopped};
  test::announce(store,
                 {prng.below(12), some_peer(prng, peers), kEvents[prng.below(4)], prng.below(2) == 0, 0}, now,
                 prng);
}

}  // namespace

TEST_CASE("store digests: match the records after any sequence of changes") {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    common::Prng prng(seed);
    const auto store = test::make_store(true);
    const uint32_t peers = seed % 2 == 0 ? 20 : 200;
    Tick now = kNow + prng.below(256);
    for (int round = 0; round < 40; ++round) {
      for (int i = 0; i < 60; ++i) {
        if (prng.below(2) == 0) {
          announce_some(*store, prng, now, peers);
        } else {
          const proto::Delta delta = some_delta(prng, now, peers);
          store->merge({&delta, 1}, now);
        }
      }
      const uint32_t kind = prng.below(20);
      // Mostly a few ticks; sometimes a suspended machine, or a small correction of cluster time.
      now += kind == 0 ? 400 : kind == 1 ? -4 : prng.below(9);
      if (prng.below(4) != 0) test::expire_all(*store, now);
      REQUIRE(kept(*store) == recounted(*store));
    }
    test::expire_all(*store, now + 1000);
    CHECK(kept(*store).empty());
  }
}

TEST_CASE("store digests: the same whatever a store's hash key and the order of its records") {
  common::Prng prng(5);
  std::vector<proto::Delta> deltas;
  for (int i = 0; i < 2000; ++i) deltas.push_back(some_delta(prng, kNow, 100));
  const auto store = test::make_store(true);
  store->merge(deltas, kNow);
  node::SwarmStore other({.key = {8}, .replicated = true});
  for (size_t i = deltas.size(); i-- > 0;) other.merge({&deltas[i], 1}, kNow);
  other.merge(deltas, kNow);
  REQUIRE(test::content(*store) == test::content(other));
  CHECK(kept(*store) == kept(other));
  CHECK(!kept(*store).empty());
}

TEST_CASE("store digests: take memory only where there are members to compare with") {
  CHECK(test::make_store(true)->totals().memory_bytes - test::make_store(false)->totals().memory_bytes >=
        node::DigestTable::bytes());
}

TEST_CASE("record hash: as in docs/protocol/digests.md") {
  proto::Delta delta;
  for (size_t i = 0; i < 20; ++i) delta.info_hash.bytes[i] = static_cast<uint8_t>(0xa0 + i);
  delta.peer = common::make_endpoint_v4(0xc0000201, 6881);
  delta.state = {proto::PeerRole::seeder, true};
  CHECK(hash_of_record(delta) == 0xd61ebf9cb6e01c);
  const std::array<uint8_t, 16> v6 = {0x20, 0x01, 0x0d, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  delta.peer = common::make_endpoint(v6, 51413);
  CHECK(hash_of_record(delta) == 0x4c647c1365706bac);
  CHECK(proto::digest_bucket(delta.info_hash) == 0x282);
}

TEST_CASE("record hash: neighbours neither collide nor cancel") {
  // Grids of neighbouring swarms, addresses, ports and states: every hash once, and no four corners
  // of a grid cancel.
  std::set<uint64_t> hashes;
  std::set<uint64_t> pairs;
  size_t count = 0;
  proto::Delta delta;
  const auto add = [&](uint32_t swarm, uint32_t address, uint32_t port, uint32_t role, bool completed) {
    delta.info_hash.bytes[19] = static_cast<uint8_t>(swarm);
    delta.peer = common::make_endpoint_v4(0x0a000000 + address, static_cast<uint16_t>(1 + port));
    delta.state = {static_cast<proto::PeerRole>(role), completed};
    return hash_of_record(delta);
  };
  for (uint32_t swarm = 0; swarm < 16; ++swarm) {
    for (uint32_t address = 0; address < 32; ++address) {
      for (uint32_t port = 0; port < 8; ++port) {
        for (uint32_t role = 0; role < 3; ++role) {
          hashes.insert(add(swarm, address, port, role, false));
          pairs.insert(add(swarm, address, port, role, false) ^ add(swarm, address, port, role, true));
          ++count;
        }
      }
    }
  }
  CHECK(hashes.size() == count);
  CHECK(pairs.size() == count);
}

TEST_CASE("store reading: only the live records of the cells asked for") {
  common::Prng prng(9);
  const auto store = test::make_store(true);
  std::vector<proto::Delta> deltas;
  for (int i = 0; i < 3000; ++i) deltas.push_back(some_delta(prng, kNow, 2000));
  // One swarm in the large form, visited in parts.
  for (uint32_t i = 0; i < 3000; ++i) {
    deltas.push_back({hash_of(99), test::v4_peer(i), {}, common::stamp_of(kNow - i % 100)});
  }
  store->merge(deltas, kNow);
  const Tick later = kNow + 20;  // not swept since: some records have expired
  sync::Cells cells;
  for (int i = 0; i < 60; ++i) cells.add(common::stamp_of(kNow - i * 3));
  for (int i = 0; i < 12; ++i) {
    cells.add(common::stamp_of(kNow - i), proto::digest_bucket(hash_of(static_cast<uint64_t>(i))));
  }
  for (const bool everything : {true, false}) {
    const sync::Cells wanted = everything ? sync::Cells::everything() : cells;
    test::Content expected = test::content(*store);
    std::erase_if(expected, [&](const auto& entry) {
      const proto::Delta& delta = entry.second;
      return !wanted.contains(delta.stamp, proto::digest_bucket(delta.info_hash)) ||
             common::stamp_age(kNow, delta.stamp) + (later - kNow) >= common::kLifetimeTicks;
    });
    test::Content read;
    for (size_t step = 0; step < store->read_steps(); ++step) {
      store->read(step, wanted, later, [&](const sync::SwarmPart& part) {
        CHECK(!part.records.empty());
        CHECK(part.records.size() <= 1024);
        for (const proto::Delta& delta : part.records) {
          CHECK(delta.info_hash == part.info_hash);
          CHECK(read.emplace(std::pair(delta.info_hash, delta.peer), delta).second);
        }
      });
    }
    CHECK(read == expected);
    CHECK(read.size() < test::content(*store).size());
    CHECK(read.size() > 500);
  }
}

TEST_CASE("store completed: the larger count wins, and only for swarms that exist") {
  const auto store = test::make_store(true);
  test::announce(*store, {1, test::v4_peer(1), proto::Event::completed, true}, kNow);
  store->merge_part({hash_of(1), 7, {}}, kNow);
  CHECK(test::scrape(*store, 1).completed == 7);
  store->merge_part({hash_of(1), 3, {}}, kNow);
  CHECK(test::scrape(*store, 1).completed == 7);
  store->merge_part({hash_of(2), 5, {}}, kNow);
  CHECK(store->totals().swarms == 1);
  // What the sender has counted is not counted again, however many parts its records come in.
  for (uint32_t i = 2; i < 5; ++i) {
    const proto::Delta delta{
        hash_of(1), test::v4_peer(i), {proto::PeerRole::seeder, true}, common::stamp_of(kNow)};
    CHECK(store->merge_part({hash_of(1), 6, {&delta, 1}}, kNow) == 1);
  }
  CHECK(test::scrape(*store, 1).completed == 7);
}

TEST_CASE("digests: 2 MB of a table are not there before there are records") {
  std::optional<node::DigestTable> table;
  CHECK(test::pages_made([&] {
          table.emplace();
          table->toggle(3, 200, 17);
          CHECK(table->stamp_digests()[200] == 17);
          CHECK(table->bucket_digests(200)[3] == 17);
          CHECK(table->bucket_digests(200)[4] == 0);
        }) < 100);
}
