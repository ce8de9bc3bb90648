#include "node/store/upkeep.h"

#include <doctest/doctest.h>

#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using node::SwarmStore;
using node::Upkeep;
using test::announce;
using test::v4_peer;

namespace {

constexpr common::Tick kNow = 100'000;
// More than a lifetime later.
constexpr common::Tick kLater = kNow + 2 * common::kLifetimeTicks;

uint64_t live(const SwarmStore& store) { return store.totals().seeders_v4 + store.totals().leechers_v4; }

// Runs slices until nothing is left to do; returns how many.
int run_slices(Upkeep& upkeep, common::Tick now) {
  int slices = 1;
  while (upkeep.run_slice(now)) ++slices;
  return slices;
}

}  // namespace

TEST_CASE("upkeep: a tick's slices sweep all shards once, a small store in one slice each") {
  const auto store = test::make_store(true);
  for (uint32_t i = 0; i < 3000; ++i) announce(*store, {.hash = i, .peer = v4_peer(i), .want = 0}, kNow);
  Upkeep upkeep(*store, node::HeapPages());
  for (int64_t slice = 0; slice < Upkeep::kSlicesPerTick; ++slice) {
    CHECK(live(*store) > 0);
    upkeep.add_due();
    CHECK(run_slices(upkeep, kLater) == 1);
  }
  CHECK(live(*store) == 0);
  // Nothing is due.
  announce(*store, {.hash = 1, .peer = v4_peer(1), .want = 0}, kLater);
  CHECK(!upkeep.run_slice(kLater + 2 * common::kLifetimeTicks));
  CHECK(live(*store) == 1);
}

TEST_CASE("upkeep: a slice ends after a bounded number of records, however many are due") {
  const auto store = test::make_store(true);
  constexpr uint32_t kPeers = 200'000;
  for (uint32_t i = 0; i < kPeers; ++i) announce(*store, {.hash = 1, .peer = v4_peer(i), .want = 0}, kNow);
  Upkeep upkeep(*store, node::HeapPages());
  int slices = 0;
  for (int64_t slice = 0; slice < Upkeep::kSlicesPerTick; ++slice) {
    upkeep.add_due();
    slices += run_slices(upkeep, kNow + 1);
  }
  CHECK(live(*store) == kPeers);
  CHECK(slices - Upkeep::kSlicesPerTick >= kPeers / Upkeep::kSliceRecordsMax - 1);

  // After a long delay it sweeps everything once, in longer slices.
  for (int64_t slice = 0; slice < 3 * Upkeep::kSlicesPerTick; ++slice) upkeep.add_due();
  const int late_slices = run_slices(upkeep, kLater);
  CHECK(live(*store) == 0);
  CHECK(late_slices <= kPeers * 8 / Upkeep::kSliceRecordsMax);
}
