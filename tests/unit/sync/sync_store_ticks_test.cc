// The store's ticks and the cluster's: what is sent and merged is the same whatever their offset.

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "sync/store_ticks.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using common::Tick;

namespace {

constexpr Tick kNow = 118'000'000;

proto::Delta delta_of(uint32_t number, Tick tick) {
  return {test::hash_of(number % 7),
          number % 3 == 0 ? test::v6_peer(number) : test::v4_peer(number),
          {static_cast<proto::PeerRole>(number % 3), number % 5 == 0},
          common::stamp_of(tick)};
}

std::vector<proto::Delta> read_all(const sync::Swarms& swarms, const sync::Cells& cells, Tick now) {
  std::vector<proto::Delta> out;
  for (size_t step = 0; step < swarms.read_steps(); ++step) {
    swarms.read(step, cells, now, [&](const sync::SwarmPart& part) {
      out.insert(out.end(), part.records.begin(), part.records.end());
    });
  }
  return out;
}

// The same by read_part().
std::vector<proto::Delta> read_in_parts(const sync::Swarms& swarms, const sync::Cells& cells, Tick now) {
  std::vector<proto::Delta> out;
  for (size_t step = 0; step < swarms.read_steps(); ++step) {
    std::unique_ptr<sync::Swarms::Walk> walk;
    while (!swarms.read_part(walk, step, cells, now, [&](const sync::SwarmPart& part) {
      out.insert(out.end(), part.records.begin(), part.records.end());
    })) {
    }
  }
  return out;
}

}  // namespace

TEST_CASE("store ticks: a step changes no age, and the stamps sent follow it") {
  const auto store = test::make_store(true);
  sync::StoreTicks ticks(*store);
  std::vector<proto::Delta> deltas;
  for (uint32_t i = 0; i < 300; ++i) deltas.push_back(delta_of(i, kNow - i % 170));
  CHECK(ticks.merge(deltas, kNow) == deltas.size());
  const sync::StampDigests before = ticks.stamp_digests();
  for (const Tick by : {Tick{581}, Tick{-9}, Tick{-100'000}, Tick{99'428}}) {
    const Tick ahead = ticks.ahead();
    ticks.step(by);
    CHECK(ticks.ahead() == ahead + by);
    const Tick now = kNow + ticks.ahead();
    // The same records stamped in the cluster's time are no news: the store has them already.
    std::vector<proto::Delta> stamped = deltas;
    for (proto::Delta& delta : stamped) delta.stamp = common::stamp_of(delta.stamp + ticks.ahead());
    CHECK(ticks.merge(stamped, now) == 0);
    CHECK(ticks.merge_part({deltas[0].info_hash, 0, std::span(stamped).first(1)}, now) == 0);
    const sync::StampDigests after = ticks.stamp_digests();
    for (Tick tick = kNow - 170; tick <= kNow; ++tick) {
      CHECK(after[common::stamp_of(tick + ticks.ahead())] == before[common::stamp_of(tick)]);
    }
    const common::Stamp one = common::stamp_of(now - 3);
    uint64_t sum = 0;
    for (const uint64_t digest : ticks.bucket_digests(one)) sum ^= digest;
    CHECK(sum == after[one]);
    sync::Cells cells;
    cells.add(one);
    cells.add(common::stamp_of(now - 5), proto::digest_bucket(deltas[5].info_hash));
    const auto told = read_all(ticks, cells, now);
    CHECK(!told.empty());
    for (const proto::Delta& delta : told) {
      const int age = common::stamp_age(now, delta.stamp);
      CHECK((age == 3 || age == 5));
    }
    CHECK(read_in_parts(ticks, cells, now) == told);
    const auto all = read_all(ticks, sync::Cells::everything(), now);
    CHECK(all.size() == deltas.size());
    CHECK(read_in_parts(ticks, sync::Cells::everything(), now) == all);
  }
  // Back where it was.
  CHECK(ticks.ahead() == 0);
  CHECK(ticks.stamp_digests() == before);
}

TEST_CASE("store ticks: records that arrive after a step are stamped for the store") {
  const auto store = test::make_store(true);
  sync::StoreTicks ticks(*store);
  ticks.step(1000);
  const proto::Delta delta = delta_of(1, kNow + 1000 - 20);
  CHECK(ticks.merge({&delta, 1}, kNow + 1000) == 1);
  const auto kept = test::content(*store);
  REQUIRE(kept.size() == 1);
  CHECK(common::stamp_age(kNow, kept.begin()->second.stamp) == 20);
  CHECK(ticks.to_cluster(kept.begin()->second.stamp) == delta.stamp);
}
