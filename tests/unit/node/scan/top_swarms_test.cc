#include "node/scan/top_swarms.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "tests/unit/support/store_fixture.h"

using namespace shoal;

TEST_CASE("top swarms: the same as sorting all of them") {
  common::Prng prng(1);
  for (const size_t amount : {1, 10, 100}) {
    node::TopSwarms top(amount);
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

TEST_CASE("top swarms: fewer than requested, equal ones in order, none without a score") {
  node::TopSwarms top(10);
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
