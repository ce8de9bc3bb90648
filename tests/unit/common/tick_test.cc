#include "common/tick.h"

#include <doctest/doctest.h>

#include <initializer_list>

using namespace shoal::common;

TEST_CASE("tick: a stamp is read relative to the current tick") {
  for (const Tick now : {Tick{0}, Tick{100}, Tick{255}, Tick{256}, Tick{118000000}}) {
    for (int age = -kAheadTicks; age <= 255 - kAheadTicks; ++age) {
      CHECK(stamp_age(now, stamp_of(now - age)) == age);
    }
  }
  CHECK(tick_at(30'000, 15'000) == 2);
  static_assert(kLifetimeTicks < 255 - kAheadTicks, "a record expires before its stamp reads as ahead");
}
