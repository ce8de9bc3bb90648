#include "node/status/limit_log.h"

#include <doctest/doctest.h>

#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using node::index_of;
using node::Limit;

TEST_CASE("limit log: a line at once, then one a minute while it goes on") {
  node::LimitLog log;
  node::LimitHits hits{};
  CHECK(log.lines(hits, 0).empty());
  hits[index_of(Limit::peers)] = 3;
  auto lines = log.lines(hits, 1'000);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].limit == "peers");
  CHECK(lines[0].hits == 3);
  hits[index_of(Limit::peers)] = 10;
  CHECK(log.lines(hits, 2'000).empty());
  // Another limit has its own minute.
  hits[index_of(Limit::connections)] = 1;
  lines = log.lines(hits, 3'000);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].limit == "connections");
  lines = log.lines(hits, 61'000);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].limit == "peers");
  CHECK(lines[0].hits == 7);
  CHECK(log.lines(hits, 1'000'000).empty());
}

TEST_CASE("limit log: hits are summed over the workers and the store") {
  std::vector<std::unique_ptr<node::WorkerCounters>> workers(2);
  for (auto& worker : workers) worker = std::make_unique<node::WorkerCounters>();
  workers[0]->announce.limits[index_of(Limit::swarms)].add(2);
  workers[1]->announce.limits[index_of(Limit::swarms)].add(3);
  workers[1]->http.closed_for_room.add(4);
  workers[0]->http.refused_per_address.add(5);
  const auto store = test::make_store(true);
  store->set_limits({.peers = 1});
  for (uint32_t i = 0; i < 5; ++i) {
    const proto::Delta delta{test::hash_of(1), test::v4_peer(i), {}, common::stamp_of(100)};
    store->merge({&delta, 1}, 100);
  }
  const node::LimitHits hits = node::limit_hits(workers, *store);
  CHECK(hits[index_of(Limit::swarms)] == 5);
  CHECK(hits[index_of(Limit::connections)] == 4);
  CHECK(hits[index_of(Limit::connections_per_address)] == 5);
  CHECK(hits[index_of(Limit::merged_peers)] == 3);
  CHECK(hits[index_of(Limit::peers)] == 0);
}
