// The sweep of denied swarms: what goes, and how much one slice does.

#include "node/access/denied_sweep.h"

#include <doctest/doctest.h>

#include <functional>
#include <set>
#include <vector>

#include "node/store/swarm_shard.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using common::InfoHash;
using node::DeniedSweep;
using node::SwarmStore;
using test::hash_of;
using test::v4_peer;

namespace {

constexpr common::Tick kNow = 118'000'000;

struct Swept {
  std::unique_ptr<SwarmStore> store = test::make_store(false);
  std::set<InfoHash> denied;
  DeniedSweep sweep{*store, [this](const InfoHash& hash) {
                      ++asked;
                      if (between) between();
                      return !denied.contains(hash);
                    }};
  size_t asked = 0;
  std::function<void()> between;

  void fill(uint64_t swarm, uint32_t peers) {
    for (uint32_t i = 0; i < peers; ++i)
      test::announce(*store, {.hash = swarm, .peer = v4_peer(i), .want = 0}, kNow);
  }
  uint64_t records() const { return store->totals().leechers_v4; }
};

}  // namespace

TEST_CASE("denied sweep: named swarms go if they are denied when their turn comes") {
  Swept s;
  for (uint64_t swarm = 1; swarm <= 4; ++swarm) s.fill(swarm, 2);
  s.denied = {hash_of(1), hash_of(2), hash_of(4)};
  s.sweep.add(std::vector<InfoHash>{hash_of(1), hash_of(2), hash_of(3), hash_of(99)});
  s.denied.erase(hash_of(2));
  while (s.sweep.run_slice()) {
  }
  CHECK(s.sweep.swarms_dropped() == 1);
  CHECK(s.store->totals().swarms == 3);
  CHECK(!s.sweep.run_slice());
}

TEST_CASE("denied sweep: a swarm of many peers goes in slices of bounded work") {
  for (const bool named : {true, false}) {
    CAPTURE(named);
    Swept s;
    constexpr uint32_t kPeers = 60'000;
    s.fill(1, kPeers);
    s.fill(2, 3);
    s.denied = {hash_of(1)};
    if (named) {
      s.sweep.add(std::vector<InfoHash>{hash_of(1)});
    } else {
      s.sweep.add_all();
    }
    // A slice ends after the part in which it has reached its bound; a part may take a segment too much.
    constexpr uint64_t kMost =
        (DeniedSweep::kSliceRecordsMax + node::SwarmShard::kPartRecordsMax) / node::WorkBound::kRecordGone +
        512;
    uint32_t slices = 0;
    for (bool more = true; more; ++slices) {
      REQUIRE(slices < 10'000);
      const uint64_t before = s.records();
      more = s.sweep.run_slice();
      CHECK(before - s.records() <= kMost);
    }
    CHECK(slices >= kPeers / kMost);
    CHECK(s.sweep.swarms_dropped() == 1);
    CHECK(s.records() == 3);
  }
}

TEST_CASE("denied sweep: a slice asks for a bounded number of swarms") {
  Swept s;
  constexpr uint64_t kSwarms = 20'000;
  for (uint64_t swarm = 1; swarm <= kSwarms; ++swarm) s.fill(swarm, 1);
  s.sweep.add_all();
  constexpr size_t kMost =
      (DeniedSweep::kSliceRecordsMax + node::SwarmShard::kPartRecordsMax) / node::WorkBound::kSwarmAsked;
  for (bool more = true; more;) {
    const size_t before = s.asked;
    more = s.sweep.run_slice();
    CHECK(s.asked - before <= kMost);
  }
  CHECK(s.asked == kSwarms);
  CHECK(s.sweep.swarms_dropped() == 0);
}

TEST_CASE("denied sweep: an empty store is swept some shards at a time") {
  Swept s;
  s.sweep.add_all();
  size_t slices = 1;
  while (s.sweep.run_slice()) ++slices;
  CHECK(slices >= SwarmStore::kShards / DeniedSweep::kSliceShardsMax);
  CHECK(slices <= SwarmStore::kShards / DeniedSweep::kSliceShardsMax + 1);
}

TEST_CASE("denied sweep: what is denied while a sweep is under way goes with the one that follows") {
  Swept s;
  for (uint64_t swarm = 1; swarm <= 5000; ++swarm) s.fill(swarm, 1);
  s.sweep.add_all();
  REQUIRE(s.sweep.run_slice());
  for (uint64_t swarm = 1; swarm <= 5000; ++swarm) s.denied.insert(hash_of(swarm));
  s.sweep.add_all();
  s.sweep.add_all();
  while (s.sweep.run_slice()) {
  }
  CHECK(s.store->totals().swarms == 0);
  CHECK(s.sweep.swarms_dropped() == 5000);
}

TEST_CASE("denied sweep: too many names become a sweep of all") {
  Swept s;
  for (uint64_t swarm = 1; swarm <= 3; ++swarm) s.fill(swarm, 1);
  s.denied = {hash_of(2)};
  const std::vector<InfoHash> names(DeniedSweep::kNamedMax, hash_of(77));
  s.sweep.add(names);
  s.sweep.add(std::vector<InfoHash>{hash_of(78)});
  while (s.sweep.run_slice()) {
  }
  CHECK(s.store->totals().swarms == 2);
}
