// Shared by the scenarios: how clusters are started, and what is expected of all of them.

#pragma once

#include <string>
#include <vector>

#include "seeds.h"

namespace shoal::sim {

constexpr int64_t kSecondUs = 1'000'000;
constexpr int64_t kQuietUs = 1 * kSecondUs;  // longer than a flush and the longest delay

sync::ClusterKey key_of(uint8_t byte);

NodeSettings settings_of(size_t index, std::vector<size_t> seeds, std::vector<size_t> groups = {});

// Starts a mesh whose nodes are given only the first node's address. Clocks are up to two seconds off.
void start_mesh(World& world, size_t count);

// Runs until all nodes hold the same, compared now and then; false after `limit_us`.
bool equal_within(World& world, int64_t limit_us);

// Cuts both directions.
void cut_between(World& world, size_t a, size_t b);

bool logged(SimNode& node, const std::string& part);

// Delta packets of others that a node misses or has given up.
uint64_t lost_of(World& world, size_t index);

enum class LossBefore { no, yes };

// Announces at the nodes for a while, and requires that all agree afterwards.
void check_converges(World& world, const std::vector<size_t>& nodes, size_t announces,
                     LossBefore loss_before = LossBefore::no);

}  // namespace shoal::sim
