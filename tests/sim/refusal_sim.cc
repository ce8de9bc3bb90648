// Nodes that must not form a cluster, and that both sides log why.

#include <doctest/doctest.h>

#include "scenario.h"

namespace shoal::sim {
namespace {

// Starts two nodes that know each other's address, as with one sync.peers list for all; `change` makes the
// second differ.
void start_pair(World& world, const std::function<void(NodeSettings&)>& change) {
  world.start(settings_of(0, {}));
  NodeSettings other = settings_of(1, {0});
  change(other);
  world.start(other);
  world.set_seeds(0, {0, 1});
  world.run_for(5 * kSecondUs);
}

void both_log(World& world, const std::string& first, const std::string& second) {
  CHECK(logged(world.node(0), first));
  CHECK(logged(world.node(1), second));
  for (const size_t index : {0, 1}) {
    CHECK(world.status(index).stats.deltas_received == 0);
    CHECK(!logged(world.node(index), "no member is met at"));
  }
}

TEST_CASE("another protocol version is named on both sides") {
  for_each_seed([](World& world) {
    start_pair(world, [](NodeSettings& other) { other.protocol_major = 2; });
    both_log(world, "protocol version 2 arrive, and this node speaks 1",
             "protocol version 2 arrive, and this node speaks 1");
    CHECK(world.status(0).members.empty());
    CHECK(world.status(1).members.empty());
  });
}

TEST_CASE("another cluster is named on both sides") {
  for_each_seed([](World& world) {
    start_pair(world, [](NodeSettings& other) { other.cluster = "other"; });
    both_log(world, "another cluster", "another cluster");
    CHECK(world.status(0).members.empty());
  });
}

TEST_CASE("another key is named on both sides") {
  for_each_seed([](World& world) {
    start_pair(world, [](NodeSettings& other) { other.keys = {key_of(8)}; });
    const std::string ours = sync::to_text(sync::KeyRing({key_of(7)}, "sim").ids());
    const std::string theirs = sync::to_text(sync::KeyRing({key_of(8)}, "sim").ids());
    both_log(world, "sealed by key " + theirs + ", and this node holds " + ours,
             "sealed by key " + ours + ", and this node holds " + theirs);
    CHECK(world.status(0).members.empty());
  });
}

TEST_CASE("other timeouts are named on both sides") {
  for_each_seed([](World& world) {
    start_pair(world, [](NodeSettings& other) { other.peer_timeout_s = 1800; });
    both_log(world, "peer_timeout_s is 1800 there and 2700 here",
             "peer_timeout_s is 2700 there and 1800 here");
  });
}

TEST_CASE("one name on two nodes is named on both sides") {
  for_each_seed([](World& world) {
    start_pair(world, [](NodeSettings& other) { other.name = "n0"; });
    both_log(world, "another node is named n0", "another node is named n0");
  });
}

TEST_CASE("a node that gets no answer logs so, and a stranger gets no answer") {
  for_each_seed([](World& world) {
    world.start(settings_of(0, {}));
    NodeSettings other = settings_of(1, {0});
    other.cluster = "other";
    world.start(other);
    world.run_for(35 * kSecondUs);
    // Nothing unauthentic is answered, so the stranger learns nothing else.
    CHECK(logged(world.node(0), "another cluster"));
    CHECK(world.status(0).stats.datagrams_sent == 0);
    CHECK(logged(world.node(1), "no member is met at a sync peer"));
  });
}

}  // namespace
}  // namespace shoal::sim
