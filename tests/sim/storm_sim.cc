// Storms (storm.h), each drawn from one seed. tests/run runs 200 of them that heal, and some that do not, or
// are larger.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include "seeds.h"
#include "storm.h"

namespace shoal::sim {
namespace {

constexpr uint64_t kStorms = 200;
constexpr uint64_t kCoreStorms = 60;
constexpr uint64_t kLargeStorms = 3;

constexpr size_t kProblemsMax = 12;  // printed at most

std::string lines(const std::vector<std::string>& all, size_t most = SIZE_MAX) {
  std::string out;
  for (size_t i = 0; i < std::min(most, all.size()); ++i) out += "\n  " + all[i];
  if (all.size() > most) out += "\n  and " + std::to_string(all.size() - most) + " more";
  return out;
}

// One storm a seed; all are tried even if one fails.
void run_storms(const StormSettings& settings, uint64_t seeds) {
  uint64_t passed = 0;
  uint64_t count = 0;
  ClientCounts sum;
  int64_t slowest_us = 0;
  for_each_seed(
      [&](World& world) {
        Storm storm(world, world.prng().next(), settings);
        const std::vector<std::string> problems = storm.run();
        ++count;
        if (problems.empty()) ++passed;
        sum += storm.counts();
        slowest_us = std::max(slowest_us, storm.healed_after_us());
        CHECK_MESSAGE(problems.empty(), lines(problems, kProblemsMax),
                      "\nwhat happened:", lines(storm.history()));
        if (std::getenv("SHOAL_STORM_HISTORY") != nullptr) MESSAGE(lines(storm.history()));
      },
      seeds);
  MESSAGE(passed << " of " << count << " storms passed; healed within " << slowest_us / 1000 << " ms\n"
                 << to_string(sum));
}

TEST_CASE("storm: everything at once, then calm") { run_storms({}, kStorms); }

TEST_CASE("storm: faults that never heal outside a core, which agrees all the same") {
  run_storms({.nodes_min = 4, .nodes_max = 8, .heals = false}, kCoreStorms);
}

TEST_CASE("large storm: twelve nodes") { run_storms({.nodes_min = 12, .nodes_max = 12}, kLargeStorms); }

// Of a hundred nodes, or of --nodes N.
TEST_CASE("large storm: as many nodes as asked for" * doctest::skip()) {
  const size_t nodes = nodes_wanted(100);
  run_storms({.nodes_min = nodes, .nodes_max = nodes}, 1);
}

TEST_CASE("large storm: a core of as many nodes as asked for" * doctest::skip()) {
  const size_t nodes = nodes_wanted(100);
  run_storms({.nodes_min = nodes, .nodes_max = nodes, .heals = false}, 1);
}

}  // namespace
}  // namespace shoal::sim
