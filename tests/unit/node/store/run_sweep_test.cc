#include "node/store/run_sweep.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "common/web_address.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;

namespace {

constexpr common::Tick kNow = 1'000'000;

// Of runs 0 to 9.
std::unique_ptr<node::SwarmStore> filled(uint32_t peers) {
  auto store = test::make_store(true);
  common::Prng prng(1);
  for (uint32_t i = 0; i < peers; ++i) {
    const common::Endpoint peer = common::to_endpoint({i % 10, i});
    test::announce(*store, {.hash = i % 3 == 0 ? 7 : i, .peer = peer, .want = 0}, kNow, prng);
  }
  return store;
}

std::set<uint64_t> runs_in(const node::SwarmStore& store) {
  std::set<uint64_t> runs;
  for (const auto& [key, delta] : test::content(store)) runs.insert(common::from_endpoint(key.second)->run);
  return runs;
}

}  // namespace

TEST_CASE("run sweep: what has ended goes in short slices, also what ends meanwhile") {
  const auto store = filled(200'000);
  node::RunSweep sweep(*store, [](uint64_t) { return false; });
  CHECK(!sweep.run_slice());
  const std::vector<uint64_t> first = {3, 1, 3};
  const std::vector<uint64_t> later = {8};
  sweep.add(first);
  size_t slices = 0;
  while (sweep.run_slice()) {
    if (++slices == 2) sweep.add(later);
  }
  // About 200,000 records to look at twice, and 60,000 to remove, which count for more.
  CHECK(slices > 12);
  CHECK(slices < 120);
  CHECK(runs_in(*store) == std::set<uint64_t>{0, 2, 4, 5, 6, 7, 9});
  CHECK(sweep.dropped() == 60'000);
}

TEST_CASE("run sweep: a run that is there again stays from then on") {
  const auto store = filled(50'000);
  bool back = false;
  node::RunSweep sweep(*store, [&](uint64_t run) { return back && run == 2; });
  const std::vector<uint64_t> gone = {2, 5};
  sweep.add(gone);
  REQUIRE(sweep.run_slice());
  const uint64_t before = sweep.dropped();
  back = true;
  while (sweep.run_slice()) {
  }
  CHECK(runs_in(*store) == std::set<uint64_t>{0, 1, 2, 3, 4, 6, 7, 8, 9});
  CHECK(sweep.dropped() > before);
  CHECK(sweep.dropped() < 10'000);
}
