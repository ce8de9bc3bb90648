// Storms (storm.h), each drawn from one seed. tests/run runs 200 of them.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include "seeds.h"
#include "storm.h"

namespace shoal::sim {
namespace {

constexpr uint64_t kStorms = 200;

constexpr size_t kProblemsMax = 12;  // printed at most

std::string lines(const std::vector<std::string>& all, size_t most = SIZE_MAX) {
  std::string out;
  for (size_t i = 0; i < std::min(most, all.size()); ++i) out += "\n  " + all[i];
  if (all.size() > most) out += "\n  and " + std::to_string(all.size() - most) + " more";
  return out;
}

TEST_CASE("storm: everything at once, then calm") {
  uint64_t passed = 0;
  uint64_t count = 0;
  ClientCounts sum;
  int64_t slowest_us = 0;
  for_each_seed(
      [&](World& world) {
        Storm storm(world, world.prng().next());
        const std::vector<std::string> problems = storm.run();
        ++count;
        if (problems.empty()) ++passed;
        sum += storm.counts();
        slowest_us = std::max(slowest_us, storm.healed_after_us());
        // CHECK, so that all seeds are tried even if one fails.
        CHECK_MESSAGE(problems.empty(), lines(problems, kProblemsMax),
                      "\nwhat happened:", lines(storm.history()));
        if (std::getenv("SHOAL_STORM_HISTORY") != nullptr) MESSAGE(lines(storm.history()));
      },
      kStorms);
  MESSAGE(passed << " of " << count << " storms passed; healed within " << slowest_us / 1000 << " ms\n"
                 << to_string(sum));
}

}  // namespace
}  // namespace shoal::sim
