#include "node/lifecycle/node_upkeep.h"

#include <doctest/doctest.h>

#include "node/os/monotonic.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using namespace shoal::node;

TEST_CASE("node upkeep: sweeps the store slice by slice, and notes the history at once") {
  uv_loop_t loop;
  REQUIRE(uv_loop_init(&loop) == 0);
  const auto store = test::make_store(false);
  const ClusterClock clock(180);  // ticks of a second
  const common::Tick long_ago = clock.tick() - 2 * common::kLifetimeTicks;
  test::announce(*store, {1, test::v4_peer(1), proto::Event::none, true}, long_ago);
  REQUIRE(store->totals().seeders_v4 == 1);
  int slices = 0;
  int noted = 0;
  NodeUpkeep upkeep(&loop, *store, clock, HeapPages(),
                    {.before_slices = [&] { ++slices; },
                     .state =
                         [&] {
                           ++noted;
                           return NodeState{};
                         }});
  uv_run(&loop, UV_RUN_NOWAIT);
  CHECK(noted == 0);  // it has not been started
  upkeep.start();
  const int64_t end_ms = monotonic_ms() + 60'000;
  while (store->totals().seeders_v4 > 0 && monotonic_ms() < end_ms) uv_run(&loop, UV_RUN_ONCE);
  CHECK(store->totals().seeders_v4 == 0);
  CHECK(slices > 0);
  CHECK(slices <= 2 * Upkeep::kSlicesPerTick);
  CHECK(noted >= 1);
  upkeep.stop();
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&loop) == 0);
}
