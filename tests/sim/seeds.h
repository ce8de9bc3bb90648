// Runs a scenario, which is one test case, under many seeds: SHOAL_SIM_SEEDS (or --seeds) of them, from
// SHOAL_SIM_FROM (or --from, 1 by default) on, or only SHOAL_SIM_SEED (or --seed). With SHOAL_SIM_PROGRESS
// set (or --progress) prints a line after each seed.

#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "world.h"

namespace shoal::sim {

// Seeds a scenario runs under by default.
constexpr uint64_t kSeeds = 12;

// The path of this program, for replay commands.
void set_program(const char* path);

// A shell command that runs one scenario under one seed.
std::string replay_command(const std::string& scenario, uint64_t seed);

// How many nodes: SHOAL_SIM_NODES (or --nodes), or this many.
size_t nodes_wanted(size_t otherwise);

// Runs the body of the current test case. A failure prints the command that replays it.
void for_each_seed(const std::function<void(World&)>& run, uint64_t seeds = kSeeds);

}  // namespace shoal::sim
