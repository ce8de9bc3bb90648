#include "seeds.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace shoal::sim {

namespace {

std::string program = "shoal_sim";

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

void set_program(const char* path) { program = path; }

std::string replay_command(const std::string& scenario, uint64_t seed) {
  std::string filter;
  for (const char c : scenario) {
    if (c == ',' || c == '\\') filter += '\\';  // doctest takes a bare comma for the next filter
    filter += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return program + " --seed " + std::to_string(seed) + " --test-case='" + filter + "'";
}

size_t nodes_wanted(size_t otherwise) {
  return std::min<size_t>(number_from("SHOAL_SIM_NODES", otherwise), 256);
}

void for_each_seed(const std::function<void(World&)>& run, uint64_t seeds) {
  const char* scenario = doctest::getContextOptions()->currentTest->m_name;
  const uint64_t only = number_from("SHOAL_SIM_SEED", 0);
  const uint64_t first = only != 0 ? only : number_from("SHOAL_SIM_FROM", 1);
  const uint64_t count = only != 0 ? 1 : number_from("SHOAL_SIM_SEEDS", seeds);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const std::string command = replay_command(scenario, seed);
    INFO("replay: ", command);
    World world(seed);
    run(world);
    if (std::getenv("SHOAL_SIM_PROGRESS") != nullptr) std::printf("seed %" PRIu64 ": %s\n", seed, scenario);
  }
}

}  // namespace shoal::sim
