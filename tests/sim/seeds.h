// Runs a scenario under many seeds: SHOAL_SIM_SEEDS of them (or --seeds) beginning with SHOAL_SIM_FROM (or
// --from, by default 1), or the one that SHOAL_SIM_SEED (or --seed) names.
// With SHOAL_SIM_PROGRESS set (or --progress) prints a line for each seed when it has run.

#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "world.h"

namespace shoal::sim {

// Seeds a scenario runs under by default.
constexpr uint64_t kSeeds = 12;

// How this program was called, for the commands below.
void set_program(const char* path);

// For a shell: runs one scenario under one seed.
std::string replay_command(const std::string& scenario, uint64_t seed);

// A failure prints the command that replays it.
void for_each_seed(const char* scenario, const std::function<void(World&)>& run, uint64_t seeds = kSeeds);

}  // namespace shoal::sim
