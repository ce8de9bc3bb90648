#include "node/scan/top_swarms.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/support/store_fixture.h"

using namespace shoal;

TEST_CASE("top collector: the same as sorting all of them") {
  common::Prng prng(1);
  for (const size_t amount : {1, 10, 100}) {
    node::TopCollector top(amount);
    std::vector<uint64_t> scores;
    for (uint64_t i = 0; i < 5000; ++i) {
      const uint64_t score = prng.below(1000);
      scores.push_back(score);
      top.add({test::hash_of(i), {static_cast<uint32_t>(score), 0, 0}}, score);
    }
    std::sort(scores.rbegin(), scores.rend());
    const auto found = top.take();
    REQUIRE(found.size() == amount);
    for (size_t i = 0; i < amount; ++i) CHECK(found[i].counts.seeders == scores[i]);
  }
}

TEST_CASE("top collector: fewer than requested, equal ones in order, none without a score") {
  node::TopCollector top(10);
  proto::ScrapedSwarm high;
  high.info_hash.bytes.fill(9);
  proto::ScrapedSwarm low;
  low.info_hash.bytes.fill(1);
  top.add(high, 5);
  top.add(low, 5);
  top.add({}, 0);
  const auto found = top.take();
  REQUIRE(found.size() == 2);
  CHECK(found[0].info_hash == low.info_hash);
  CHECK(found[1].info_hash == high.info_hash);
}

TEST_CASE("top swarms: all requests within half a minute share one reading of the store") {
  const auto store = test::make_store(false);
  node::TopSwarms top(*store);
  const auto empty = top.lists();
  CHECK(empty->by_peers.empty());
  test::announce(*store, {1, test::v4_peer(1), proto::Event::none, true}, 1'000'000);
  CHECK(top.lists() == empty);

  node::TopSwarms other(*store);
  std::vector<std::shared_ptr<const node::TopLists>> seen(4);
  std::vector<std::thread> threads;
  threads.reserve(seen.size());
  for (auto& one : seen) threads.emplace_back([&] { one = other.lists(); });
  for (std::thread& thread : threads) thread.join();
  // Nobody waits for whoever reads.
  const auto read = other.lists();
  for (const auto& one : seen) CHECK((one == read || !one->unix_ms));
  CHECK(std::find(seen.begin(), seen.end(), read) != seen.end());
  REQUIRE(read->by_peers.size() == 1);
  CHECK(read->by_peers[0].info_hash == test::hash_of(1));
  CHECK(read->by_seeders.size() == 1);
}

TEST_CASE("top swarms: nobody waits for the first reading of another") {
  const auto store = test::make_store(false);
  test::announce(*store, {1, test::v4_peer(1), proto::Event::none, true}, 1'000'000);
  std::atomic<bool> reading{false};
  std::atomic<bool> go_on{false};
  store->serve_only([&](const common::InfoHash&) {
    reading = true;
    go_on.wait(false);
    return true;
  });
  node::TopSwarms top(*store);
  std::thread first([&] { CHECK(top.lists()->by_peers.size() == 1); });
  while (!reading) std::this_thread::yield();
  CHECK(!top.lists()->unix_ms);
  go_on = true;
  go_on.notify_all();
  first.join();
  CHECK(top.lists()->unix_ms);
}

TEST_CASE("top swarms: a swarm that is no longer served is not shown, however fresh the lists are") {
  const auto store = test::make_store(false);
  for (uint64_t swarm = 1; swarm <= 3; ++swarm) {
    test::announce(*store, {swarm, test::v4_peer(1), proto::Event::none, true}, 1'000'000);
    test::announce(*store, {swarm, test::v4_peer(2), proto::Event::none, false}, 1'000'000);
  }
  node::TopSwarms top(*store);
  CHECK(top.lists()->by_peers.size() == 3);
  store->serve_only([](const common::InfoHash& hash) { return hash != test::hash_of(2); });
  const auto lists = top.lists();
  for (const auto* list : {&lists->by_peers, &lists->by_seeders, &lists->by_leechers}) {
    CHECK(list->size() == 2);
    for (const proto::ScrapedSwarm& swarm : *list) CHECK(swarm.info_hash != test::hash_of(2));
  }
}

TEST_CASE("top swarms: the loop gets what is known at once, and what the pool has read later") {
  uv_loop_t loop;
  REQUIRE(uv_loop_init(&loop) == 0);
  const auto store = test::make_store(false);
  test::announce(*store, {1, test::v4_peer(1), proto::Event::none, true}, 1'000'000);
  node::TopSwarms top(*store);
  CHECK(!top.known(&loop)->unix_ms);
  uv_run(&loop, UV_RUN_DEFAULT);
  const auto known = top.known(&loop);
  CHECK(known->unix_ms);
  CHECK(known->by_peers.size() == 1);
  CHECK(top.lists() == known);       // one reading for both
  CHECK(uv_loop_alive(&loop) == 0);  // nothing was begun

  store->serve_only([](const common::InfoHash& hash) { return hash != test::hash_of(1); });
  CHECK(top.known(&loop)->by_peers.empty());
  CHECK(uv_loop_close(&loop) == 0);
}

TEST_CASE("top swarms: nothing is read once it is stopped") {
  uv_loop_t loop;
  REQUIRE(uv_loop_init(&loop) == 0);
  const auto store = test::make_store(false);
  node::TopSwarms top(*store);
  top.stop();
  top.known(&loop);
  CHECK(uv_loop_alive(&loop) == 0);
  CHECK(!top.known(&loop)->unix_ms);
  CHECK(uv_loop_close(&loop) == 0);
}
