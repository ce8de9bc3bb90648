#include "scenario.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

namespace shoal::sim {

sync::ClusterKey key_of(uint8_t byte) {
  sync::ClusterKey key;
  key.fill(byte);
  return key;
}

NodeSettings settings_of(size_t index, std::vector<size_t> seeds, std::vector<size_t> groups) {
  NodeSettings settings;
  settings.name = "n" + std::to_string(index);
  settings.keys = {key_of(7)};
  settings.seeds = std::move(seeds);
  settings.groups = std::move(groups);
  return settings;
}

void start_mesh(World& world, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    NodeSettings settings = settings_of(i, i == 0 ? std::vector<size_t>{} : std::vector<size_t>{0});
    settings.clock_offset_ms = static_cast<int64_t>(world.prng().below(4000)) - 2000;
    world.start(settings);
  }
}

bool logged(SimNode& node, const std::string& part) {
  return std::any_of(node.logs.begin(), node.logs.end(), [&](const sync::LogEvent& event) {
    return event.message.find(part) != std::string::npos;
  });
}

uint64_t lost_of(World& world, size_t index) {
  uint64_t lost = 0;
  for (const sync::MemberStatus& member : world.status(index).members) lost += member.lost + member.missing;
  return lost;
}

void check_converges(World& world, const std::vector<size_t>& nodes, size_t announces,
                     LossBefore loss_before) {
  std::vector<uint64_t> lost_before;
  for (const size_t index : nodes) lost_before.push_back(lost_of(world, index));
  world.announce_for(20 * kSecondUs, announces, nodes);
  world.run_for(kQuietUs);
  REQUIRE(world.difference(nodes) == "");
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (loss_before == LossBefore::no) REQUIRE(lost_before[i] == 0);
    REQUIRE(lost_of(world, nodes[i]) == lost_before[i]);
    REQUIRE(world.status(nodes[i]).stats.dropped_malformed == 0);
    REQUIRE(world.status(nodes[i]).stats.dropped_unauthentic == 0);
  }
}

bool equal_within(World& world, int64_t limit_us) {
  constexpr int64_t kLookUs = 250'000;  // comparing everything is slow
  for (int64_t waited_us = 0; waited_us < limit_us; waited_us += kLookUs) {
    if (world.difference_in_all(world.everyone()).empty()) return true;
    world.run_for(kLookUs);
  }
  return world.difference_in_all(world.everyone()).empty();
}

void cut_between(World& world, size_t a, size_t b) {
  world.cut(a, b);
  world.cut(b, a);
}

}  // namespace shoal::sim
