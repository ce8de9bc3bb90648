// Web peers in the store: a swarm of their own beside that of the same info_hash, which calls for the others
// do not see. The model test has the rules of their records.

#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "common/web_address.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using common::Family;
using proto::Event;
using test::announce;
using test::hash_of;
using test::web_peer;

namespace {

constexpr common::Tick kNow = 1'000'000;

std::vector<uint64_t> runs_of(const node::SwarmStore& store) {
  std::vector<uint64_t> runs;
  for (const auto& [key, delta] : test::content(store)) {
    if (const auto address = common::from_endpoint(key.second)) runs.push_back(address->run);
  }
  std::sort(runs.begin(), runs.end());
  runs.erase(std::unique(runs.begin(), runs.end()), runs.end());
  return runs;
}

}  // namespace

TEST_CASE("web peers: neither they nor the others are given to each other, or counted") {
  const auto store = test::make_store(true);
  announce(*store, {.hash = 1, .peer = test::v4_peer(1), .seeder = true}, kNow);
  announce(*store, {.hash = 1, .peer = test::v6_peer(1)}, kNow);
  const test::Reply first = announce(*store, {.hash = 1, .peer = web_peer(1)}, kNow);
  CHECK(first.peers.empty());
  CHECK(first.answer.counts == proto::SwarmCounts{0, 1, 0});
  REQUIRE(first.answer.delta);
  CHECK(first.answer.delta->peer == web_peer(1));
  const test::Reply second =
      announce(*store, {.hash = 1, .peer = web_peer(2), .event = Event::completed, .seeder = true}, kNow);
  CHECK(second.peers == std::vector{web_peer(1)});
  CHECK(second.answer.counts == proto::SwarmCounts{1, 1, 1});

  const test::Reply other = announce(*store, {.hash = 1, .peer = test::v4_peer(2)}, kNow);
  CHECK(other.peers.size() == 2);
  CHECK(other.answer.counts == proto::SwarmCounts{1, 2, 0});
  CHECK(test::scrape(*store, 1) == proto::SwarmCounts{1, 2, 0});
  CHECK(test::scrape_web(*store, 1) == proto::SwarmCounts{1, 1, 1});
  CHECK(test::scrape_web(*store, 2) == proto::SwarmCounts{});

  CHECK(store->totals().swarms == 1);
  CHECK(store->totals().swarms_web == 1);
}

TEST_CASE("web peers: an address of IPv6 with the same bytes is another peer") {
  const auto store = test::make_store(true);
  common::Endpoint twin = web_peer(1);
  twin.family = Family::v6;
  announce(*store, {.hash = 1, .peer = web_peer(1)}, kNow);
  const auto before = store->stamp_digests();
  announce(*store, {.hash = 1, .peer = twin}, kNow);
  // Their hashes differ, or the digest would say that neither is there.
  CHECK(before != store->stamp_digests());
  CHECK(store->stamp_digests()[common::stamp_of(kNow)] != 0);
  CHECK(test::content(*store).size() == 2);
  CHECK(!store->has_had_loopback());
}

TEST_CASE("web peers: full scrapes leave them out, whatever lies between") {
  const auto store = test::make_store(false);
  for (uint32_t swarm = 0; swarm < 3000; ++swarm) {
    if (swarm % 3 != 0) announce(*store, {.hash = swarm, .peer = web_peer(swarm)}, kNow);
    if (swarm % 3 != 1) announce(*store, {.hash = swarm, .peer = test::v4_peer(swarm)}, kNow);
  }
  size_t copied = 0;
  std::array<proto::ScrapedSwarm, 2> step;
  for (size_t shard = 0; shard < node::SwarmStore::kShards; ++shard) {
    uint32_t below = node::SwarmStore::kAllSwarms;
    while (const size_t count = store->copy_counts(shard, below, step)) copied += count;
  }
  CHECK(copied == 2000);
}

TEST_CASE("web peers: inspect shows both, and a drop takes both") {
  const auto store = test::make_store(true);
  announce(*store, {.hash = 1, .peer = test::v4_peer(1)}, kNow);
  for (uint32_t i = 0; i < 40; ++i)
    announce(*store, {.hash = 1, .peer = web_peer(i), .seeder = i == 0}, kNow);
  announce(*store, {.hash = 2, .peer = web_peer(7), .event = Event::completed, .seeder = true}, kNow);
  common::Prng prng(3);
  auto details = store->inspect(store->locate(hash_of(1)), hash_of(1), 100, prng);
  REQUIRE(details);
  CHECK(details->counts == proto::SwarmCounts{0, 1, 0});
  CHECK(details->web == node::SwarmDetails::Roles{39, 1, 0});
  CHECK(details->peers.size() == 41);
  CHECK(details->peers.back().peer.family == Family::web);
  details = store->inspect(store->locate(hash_of(2)), hash_of(2), 100, prng);
  REQUIRE(details);
  CHECK(details->web_completed == 1);
  CHECK(details->counts == proto::SwarmCounts{});
  CHECK(test::drop(*store, hash_of(1)));
  CHECK(test::scrape_web(*store, 1) == proto::SwarmCounts{});
  CHECK(test::drop(*store, hash_of(2)));
  CHECK(test::content(*store).empty());
  CHECK(store->stamp_digests()[common::stamp_of(kNow)] == 0);
}

TEST_CASE("web peers: those of a run that has ended go, the others stay") {
  const auto store = test::make_store(true);
  const auto expected = test::make_store(true);
  common::Prng prng(4);
  const std::vector<uint64_t> gone = {common::from_endpoint(web_peer(0))->run,
                                      common::from_endpoint(web_peer(2))->run};
  const auto fill = [&](uint64_t swarm, uint32_t number) {
    const test::Ask ask{.hash = swarm, .peer = web_peer(number), .seeder = number % 2 == 0};
    announce(*store, ask, kNow, prng);
    if (number % 3 == 1) announce(*expected, ask, kNow, prng);
  };
  // Small ones; a large one, whose drop takes more than one part; one of such peers only.
  for (uint64_t swarm = 0; swarm < 300; ++swarm) {
    for (uint32_t i = 0; i < swarm % 40; ++i) fill(swarm, i);
  }
  for (uint32_t i = 0; i < 50'000; ++i) fill(1000, i);
  for (uint32_t i = 0; i < 30; i += 3) fill(1001, i);
  for (node::SwarmStore* each : {store.get(), expected.get()}) {
    announce(*each, {.hash = 5, .peer = test::v6_peer(1)}, kNow, prng);
  }
  REQUIRE(runs_of(*store).size() == 3);
  size_t records = 0;
  size_t parts = 0;
  const size_t before = test::content(*store).size();
  for (size_t shard = 0; shard < node::SwarmStore::kShards; ++shard) {
    for (bool finished = false; !finished; ++parts) {
      const node::RunsDropped dropped = store->drop_runs(shard, gone);
      records += dropped.records;
      finished = dropped.finished;
    }
  }
  CHECK(parts > node::SwarmStore::kShards + 2);
  CHECK(records == before - test::content(*store).size());
  CHECK(test::content(*store) == test::content(*expected));
  CHECK(store->stamp_digests() == expected->stamp_digests());
  CHECK(store->totals().swarms_web == expected->totals().swarms_web);
  CHECK(store->totals().leechers_web == expected->totals().leechers_web);
  CHECK(store->totals().expired == 0);
  test::expire_all(*store, kNow + 1000);
  CHECK(store->totals().swarms_web == 0);
}

TEST_CASE("web peers: nothing is looked at where there are none") {
  const auto store = test::make_store(true);
  for (uint32_t i = 0; i < 100'000; ++i) {
    announce(*store, {.hash = 1, .peer = test::v6_peer(i)}, kNow);
  }
  const std::vector<uint64_t> gone = {1, 2};
  for (size_t shard = 0; shard < node::SwarmStore::kShards; ++shard) {
    const node::RunsDropped dropped = store->drop_runs(shard, gone);
    CHECK(dropped.finished);
    CHECK(dropped.looked == 0);
  }
  CHECK(test::scrape(*store, 1).leechers == 100'000);
}

TEST_CASE("web peers: what is read of one store makes them in another") {
  const auto from = test::make_store(true);
  const auto to = test::make_store(true);
  for (uint32_t i = 0; i < 3000; ++i) {
    const Event event = i % 4 == 0 ? Event::completed : Event::none;
    announce(*from, {.hash = i % 7, .peer = web_peer(i), .event = event, .seeder = i % 4 == 0}, kNow);
    announce(*from, {.hash = i % 7, .peer = test::v6_peer(i)}, kNow);
  }
  for (size_t step = 0; step < from->read_steps(); ++step) {
    from->read(step, sync::Cells::everything(), kNow,
               [&](const sync::SwarmPart& part) { to->merge_part(part, kNow); });
  }
  CHECK(test::content(*to) == test::content(*from));
  CHECK(to->stamp_digests() == from->stamp_digests());
  for (uint64_t swarm = 0; swarm < 7; ++swarm) {
    CHECK(test::scrape_web(*to, swarm) == test::scrape_web(*from, swarm));
    CHECK(test::scrape(*to, swarm) == test::scrape(*from, swarm));
  }
}

TEST_CASE("web peers: a full store gives up swarms of a connection that fills it, not all of a node") {
  const auto store = test::make_store(false);
  constexpr uint64_t kLimit = 2'000'000;
  store->set_limits({.memory_bytes = kLimit});
  common::Prng prng(5);
  // Pairs of browsers on one node, then one connection that announces ever more swarms.
  constexpr uint32_t kPairs = 5'000;
  for (uint32_t i = 0; i < kPairs; ++i) {
    for (uint32_t j = 0; j < 2; ++j) {
      const common::WebAddress address{77, common::web_connection(0, 2 * i + j)};
      announce(*store, {.hash = i, .peer = common::to_endpoint(address)}, kNow, prng);
    }
  }
  const common::Endpoint flooder = common::to_endpoint({77, common::web_connection(0, 999'999)});
  for (uint32_t i = 0; i < 60'000; ++i) {
    announce(*store, {.hash = 100'000 + i, .peer = flooder}, kNow, prng);
  }
  uint32_t left = 0;
  for (uint32_t i = 0; i < kPairs; ++i) left += test::scrape_web(*store, i).leechers == 2 ? 1 : 0;
  CHECK(store->totals().evicted_swarms > 10'000);
  CHECK(left > kPairs * 9 / 10);
}
