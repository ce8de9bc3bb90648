#include "node/scan/top_cache.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include "tests/unit/support/store_fixture.h"

using namespace shoal;

TEST_CASE("top cache: all requests within half a minute share one reading of the store") {
  const auto store = test::make_store(false);
  node::TopCache cache(*store);
  const auto empty = cache.lists();
  CHECK(empty->by_peers.empty());
  test::announce(*store, {1, test::v4_peer(1), proto::Event::none, true}, 1'000'000);
  CHECK(cache.lists() == empty);

  node::TopCache other(*store);
  std::vector<std::shared_ptr<const node::TopCache::Lists>> seen(4);
  std::vector<std::thread> threads;
  threads.reserve(seen.size());
  for (auto& one : seen) threads.emplace_back([&] { one = other.lists(); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& one : seen) CHECK(one == seen[0]);
  REQUIRE(seen[0]->by_peers.size() == 1);
  CHECK(seen[0]->by_peers[0].info_hash == test::hash_of(1));
  CHECK(seen[0]->by_seeders.size() == 1);
}

TEST_CASE("top cache: a swarm that is no longer served is not shown, however fresh the lists are") {
  const auto store = test::make_store(false);
  for (uint64_t swarm = 1; swarm <= 3; ++swarm) {
    test::announce(*store, {swarm, test::v4_peer(1), proto::Event::none, true}, 1'000'000);
  }
  node::TopCache cache(*store);
  CHECK(cache.lists()->by_peers.size() == 3);
  store->serve_only([](const common::InfoHash& hash) { return hash != test::hash_of(2); });
  const auto lists = cache.lists();
  for (const auto* list : {&lists->by_peers, &lists->by_seeders}) {
    CHECK(list->size() == 2);
    for (const proto::ScrapedSwarm& swarm : *list) CHECK(swarm.info_hash != test::hash_of(2));
  }
}
