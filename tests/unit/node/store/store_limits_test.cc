#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using namespace shoal::test;
using node::Limit;
using proto::Event;
using proto::PeerRole;

namespace {

constexpr common::Tick kNow = 1000;

proto::Delta told(uint64_t hash, uint32_t peer, PeerRole role = PeerRole::leecher) {
  return {hash_of(hash), v4_peer(peer), {role, false}, common::stamp_of(kNow)};
}

std::unique_ptr<node::SwarmStore> limited(const node::StoreLimits& limits, bool replicated = true) {
  auto store = make_store(replicated);
  store->set_limits(limits);
  return store;
}

}  // namespace

TEST_CASE("store limits: a swarm over the limit is not stored; existing ones keep working") {
  for (const bool replicated : {false, true}) {
    const auto store = limited({.swarms = 3}, replicated);
    for (uint32_t i = 0; i < 3; ++i) {
      CHECK(announce(*store, {.hash = i, .peer = v4_peer(i)}, kNow).answer.limit == Limit::none);
    }
    const Reply refused = announce(*store, {.hash = 3, .peer = v4_peer(3)}, kNow);
    CHECK(refused.answer.limit == Limit::swarms);
    CHECK_FALSE(refused.answer.delta);
    CHECK(refused.peers.empty());
    CHECK(store->totals().swarms == 3);
    // A new peer of an existing swarm, a refresh, and a stop.
    CHECK(announce(*store, {.hash = 0, .peer = v4_peer(9)}, kNow).answer.limit == Limit::none);
    CHECK(announce(*store, {.hash = 0, .peer = v4_peer(0)}, kNow + 3).answer.limit == Limit::none);
    CHECK(announce(*store, {.hash = 1, .peer = v4_peer(1), .event = Event::stopped}, kNow).answer.limit ==
          Limit::none);
    CHECK(scrape(*store, 1).leechers == 0);
    // A stop of an unknown peer creates no swarm.
    CHECK(announce(*store, {.hash = 7, .peer = v4_peer(7), .event = Event::stopped}, kNow).answer.limit ==
          Limit::none);
  }
}

TEST_CASE("store limits: freed room is used again") {
  SUBCASE("by expiry") {
    const auto store = limited({.swarms = 1, .peers = 1});
    announce(*store, {.hash = 1, .peer = v4_peer(1)}, kNow);
    expire_all(*store, kNow + common::kLifetimeTicks + 1);
    CHECK(announce(*store, {.hash = 2, .peer = v4_peer(1)}, kNow + common::kLifetimeTicks + 1).answer.limit ==
          Limit::none);
  }
  SUBCASE("by dropping a swarm") {
    const auto store = limited({.swarms = 1, .peers = 1});
    announce(*store, {.hash = 1, .peer = v4_peer(1)}, kNow);
    test::drop(*store, hash_of(1));
    CHECK(announce(*store, {.hash = 2, .peer = v4_peer(1)}, kNow).answer.limit == Limit::none);
  }
  SUBCASE("by a higher limit, or none") {
    const auto store = limited({.swarms = 1});
    announce(*store, {.hash = 1, .peer = v4_peer(1)}, kNow);
    store->set_limits({.swarms = 2});
    CHECK(announce(*store, {.hash = 2, .peer = v4_peer(1)}, kNow).answer.limit == Limit::none);
    CHECK(announce(*store, {.hash = 3, .peer = v4_peer(1)}, kNow).answer.limit == Limit::swarms);
    store->set_limits({});
    CHECK(announce(*store, {.hash = 3, .peer = v4_peer(1)}, kNow).answer.limit == Limit::none);
  }
}

TEST_CASE("store limits: a peer over the limit is not stored; stopped peers count") {
  const auto store = limited({.peers = 2});
  announce(*store, {.hash = 1, .peer = v4_peer(1)}, kNow);
  announce(*store, {.hash = 1, .peer = v6_peer(2)}, kNow);
  CHECK(announce(*store, {.hash = 1, .peer = v4_peer(3)}, kNow).answer.limit == Limit::peers);
  CHECK(announce(*store, {.hash = 2, .peer = v4_peer(3)}, kNow).answer.limit == Limit::peers);
  CHECK(store->totals().swarms == 1);
  announce(*store, {.hash = 1, .peer = v4_peer(1), .event = Event::stopped}, kNow);
  CHECK(announce(*store, {.hash = 1, .peer = v4_peer(3)}, kNow).answer.limit == Limit::peers);
  // A peer that comes back takes no more room than it had.
  CHECK(announce(*store, {.hash = 1, .peer = v4_peer(1)}, kNow + 1).answer.limit == Limit::none);
  CHECK(scrape(*store, 1).leechers == 2);
}

TEST_CASE("store limits: a full swarm still hands out its peers") {
  const auto store = limited({.peers_per_swarm = 2});
  announce(*store, {.hash = 1, .peer = v4_peer(1), .seeder = true}, kNow);
  announce(*store, {.hash = 1, .peer = v6_peer(2)}, kNow);
  const Reply full = announce(*store, {.hash = 1, .peer = v4_peer(3)}, kNow);
  CHECK(full.answer.limit == Limit::peers_per_swarm);
  CHECK(full.peers.size() == 2);
  CHECK(full.answer.counts == proto::SwarmCounts{1, 1, 0});
  CHECK_FALSE(full.answer.delta);
  CHECK(content(*store).size() == 2);
  CHECK(announce(*store, {.hash = 2, .peer = v4_peer(3)}, kNow).answer.limit == Limit::none);
  // A stopped peer makes room for another, and then finds none itself.
  announce(*store, {.hash = 1, .peer = v4_peer(1), .event = Event::stopped}, kNow);
  CHECK(announce(*store, {.hash = 1, .peer = v4_peer(3)}, kNow).answer.limit == Limit::none);
  const Reply back = announce(*store, {.hash = 1, .peer = v4_peer(1)}, kNow + 1);
  CHECK(back.answer.limit == Limit::peers_per_swarm);
  CHECK(back.peers.size() == 2);
  CHECK(announce(*store, {.hash = 1, .peer = v6_peer(2)}, kNow + 3).answer.limit == Limit::none);
}

TEST_CASE("store limits: records of other nodes are accepted up to twice the limit") {
  SUBCASE("swarms") {
    const auto store = limited({.swarms = 5});
    for (uint32_t i = 0; i < 10; ++i) CHECK(store->merge(std::array{told(i, i)}, kNow) == 1);
    CHECK(store->nearly_full());
    CHECK(store->merge(std::array{told(10, 10)}, kNow) == 0);
    CHECK(store->merge_part({hash_of(11), 3, std::array{told(11, 11)}}, kNow) == 0);
    CHECK(store->merges_refused().swarms == 2);
    CHECK(store->totals().swarms == 10);
    CHECK(announce(*store, {.hash = 12, .peer = v4_peer(1)}, kNow).answer.limit == Limit::swarms);
    // News of existing peers is accepted, and so is a new peer of an existing swarm.
    CHECK(store->merge(std::array{told(3, 3, PeerRole::seeder), told(4, 44)}, kNow) == 2);
  }
  SUBCASE("peers") {
    const auto store = limited({.peers = 5});
    for (uint32_t i = 0; i < 9; ++i) CHECK(store->merge(std::array{told(1, i)}, kNow) == 1);
    CHECK_FALSE(store->nearly_full());
    CHECK(store->merge(std::array{told(1, 9)}, kNow) == 1);
    CHECK(store->nearly_full());
    CHECK(store->merge(std::array{told(1, 10), told(2, 11)}, kNow) == 0);
    CHECK(store->merges_refused().peers == 2);
    CHECK(store->totals().swarms == 1);
    CHECK(store->merge(std::array{told(1, 3, PeerRole::seeder)}, kNow) == 1);
  }
  SUBCASE("no limit") {
    const auto store = make_store(true);
    CHECK(store->merge(std::array{told(1, 1)}, kNow) == 1);
    CHECK_FALSE(store->nearly_full());
  }
}

TEST_CASE("store limits: a large limit is exceeded by a sixty-fourth at most") {
  constexpr uint32_t kLimit = 140'000;  // shards report every second record
  const auto store = limited({.peers = kLimit}, false);
  uint32_t stored = 0;
  for (uint32_t i = 0; i < kLimit * 11 / 10; ++i) {
    if (announce(*store, {.hash = i % 5000, .peer = v4_peer(i), .want = 0}, kNow).answer.limit ==
        Limit::none) {
      ++stored;
    }
  }
  CHECK(stored >= kLimit);
  CHECK(stored <= kLimit + kLimit / 64);
  CHECK(store->totals().leechers_v4 == stored);
}
