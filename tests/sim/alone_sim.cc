// When a node says that it is alone, what it says about each address in sync.peers, and whether it has held
// the cluster's state: under loss, cuts in one direction, restarts and clocks that are hours apart.

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "scenario.h"

namespace shoal::sim {
namespace {

using sync::PeerSight;

std::map<std::string, PeerSight> sights(World& world, size_t index) {
  std::map<std::string, PeerSight> out;
  for (const sync::PeerStatus& peer : world.status(index).peers) out[peer.peer] = peer.sight;
  return out;
}

PeerSight sight(World& world, size_t index, size_t of) {
  return sights(world, index).at(to_string(world.node(of).address));
}

bool alone(World& world, size_t index) { return world.status(index).alone; }
bool held(World& world, size_t index) { return world.status(index).held; }

NodeSettings skewed(World& world, size_t index, std::vector<size_t> seeds) {
  NodeSettings settings = settings_of(index, std::move(seeds));
  settings.clock_offset_ms = (int64_t{world.prng().below(7)} - 3) * 3'600'000;
  return settings;
}

// Nodes that all have the same list of peers, themselves included; the first starts alone.
void start_listed(World& world, size_t count) {
  std::vector<size_t> list;
  for (size_t i = 0; i < count; ++i) {
    world.start(skewed(world, i, list));
    list.push_back(i);
  }
  for (size_t i = 0; i < count; ++i) world.set_seeds(i, list);
}

bool all_synced(World& world) {
  const std::vector<size_t> nodes = world.everyone();
  return std::all_of(nodes.begin(), nodes.end(), [&](size_t index) {
    return !world.runs(index) || world.status(index).phase == sync::SyncPhase::synced;
  });
}

TEST_CASE("a first node is alone after the bounded wait, and no longer once a second one runs") {
  for_each_seed([](World& world) {
    const size_t other = world.start(skewed(world, 0, {}));
    world.crash(other);
    const size_t first = world.start(skewed(world, 1, {other}));
    world.set_seeds(first, {other, first});
    world.run_for(14 * kSecondUs);
    CHECK(!alone(world, first));  // still starting
    REQUIRE(world.run_until([&] { return alone(world, first); }, 3 * kSecondUs));
    world.run_for(kSecondUs);
    CHECK(!held(world, first));
    CHECK(sight(world, first, other) == PeerSight::silent);
    CHECK(sight(world, first, first) == PeerSight::own);
    CHECK(logged(world.node(first),
                 "this node is alone: the only sync peer does not answer (10.0.0.1:6970 silent)"));
    world.restart(other);
    world.set_seeds(other, {first});
    REQUIRE(world.run_until([&] { return !alone(world, first); }, kSecondUs));
    CHECK(sight(world, first, other) == PeerSight::met);
    REQUIRE(world.run_until([&] { return all_synced(world); }, 20 * kSecondUs));
    world.run_for(kSecondUs);
    CHECK(!alone(world, other));
    for (const size_t index : {first, other}) CHECK(held(world, index));
    CHECK(logged(world.node(first), "this node is no longer alone"));
  });
}

TEST_CASE("a node that was never synced beside another has held nothing, whatever it met") {
  for_each_seed([](World& world) {
    world.start(skewed(world, 0, {}));
    world.start(skewed(world, 1, {0}));
    world.set_seeds(0, {1});
    world.run_for(300'000);
    REQUIRE(!all_synced(world));
    world.crash(1);
    REQUIRE(world.run_until([&] { return alone(world, 0); }, 30 * kSecondUs));
    CHECK(!held(world, 0));
  });
}

TEST_CASE("the last one left is alone and has held the state; those that left in good order are not missed") {
  for_each_seed([](World& world) {
    start_listed(world, 3);
    REQUIRE(
        world.run_until([&] { return world.meshed(world.everyone()) && all_synced(world); }, 20 * kSecondUs));
    world.run_for(kSecondUs);
    const bool leave = world.prng().below(2) == 0;
    for (const size_t index : {1u, 2u}) leave ? world.stop(index) : world.crash(index);
    world.run_for(20 * kSecondUs);
    CHECK(held(world, 0));
    CHECK(alone(world, 0) == !leave);
    for (const size_t other : {1u, 2u}) {
      CHECK(sight(world, 0, other) == (leave ? PeerSight::left : PeerSight::silent));
    }
    if (leave) return;
    CHECK(logged(world.node(0), "no sync peer of 2 answers (10.0.0.2:6970 silent, 10.0.0.3:6970 silent)"));
    world.restart(2);
    REQUIRE(world.run_until([&] { return !alone(world, 0); }, kSecondUs));
  });
}

TEST_CASE("peers with another key or in another cluster are named on both sides") {
  for_each_seed([](World& world) {
    world.start(skewed(world, 0, {}));
    NodeSettings keyed = skewed(world, 1, {0});
    keyed.keys = {key_of(8)};
    world.start(keyed);
    NodeSettings foreign = skewed(world, 2, {0});
    foreign.cluster = "other";
    world.start(foreign);
    NodeSettings later = skewed(world, 3, {0});
    later.protocol_major = 2;
    world.start(later);
    const bool both_ways = world.prng().below(2) == 0;
    if (both_ways) world.set_seeds(0, {1, 2, 3});
    world.run_for(20 * kSecondUs);
    const std::string ours = sync::to_text(sync::KeyRing({key_of(7)}, "sim").ids());
    const std::string theirs = sync::to_text(sync::KeyRing({key_of(8)}, "sim").ids());
    const sync::Status first = world.status(0);
    REQUIRE(first.strangers.size() == 3);
    CHECK(first.strangers[0].address == world.node(1).address);
    CHECK(first.strangers[0].text == "seals with key " + theirs + " that this node lacks");
    CHECK(first.strangers[1].kind == "other_cluster");
    CHECK(first.strangers[2].text == "speaks version 2 of the sync protocol");
    CHECK(first.alone == both_ways);  // else it names nobody
    if (both_ways) {
      CHECK(sync::alone_text(first.peers) ==
            "no sync peer of 3 answers (10.0.0.2:6970 seals with key " + theirs +
                " that this node lacks, 10.0.0.3:6970 is of another cluster: its sync.cluster differs, "
                "10.0.0.4:6970 speaks version 2 of the sync protocol)");
    }
    const sync::Status second = world.status(1);
    CHECK(second.alone);
    CHECK(second.peers[0].text ==
          (both_ways ? "seals with key " + ours + " that this node lacks" : std::string("silent")));
    CHECK(sight(world, 2, 0) == (both_ways ? PeerSight::other_cluster : PeerSight::silent));
    CHECK(sight(world, 3, 0) == (both_ways ? PeerSight::other_version : PeerSight::silent));
    // The key is mended: what was strange is met, and no stranger any more.
    world.set_keys(1, {key_of(7)});
    REQUIRE(world.run_until([&] { return !alone(world, 0) && !alone(world, 1); }, 3 * kSecondUs));
    CHECK(world.status(0).strangers.size() == 2);
  });
}

TEST_CASE("a member that is refused is not met") {
  for_each_seed([](World& world) {
    world.start(skewed(world, 0, {}));
    NodeSettings other = skewed(world, 1, {0});
    other.peer_timeout_s = 1800;
    world.start(other);
    world.set_seeds(0, {1});
    REQUIRE(world.run_until([&] { return alone(world, 0) && alone(world, 1); }, 20 * kSecondUs));
    CHECK(sight(world, 0, 1) == PeerSight::refused);
    CHECK(world.status(0).peers[0].text == "is refused: tracker.peer_timeout_s is 1800 there and 2700 here");
    CHECK(!held(world, 0));
    CHECK(!held(world, 1));
  });
}

TEST_CASE("nobody is alone under loss") {
  for_each_seed([](World& world) {
    world.weather.loss = 0.4;
    start_listed(world, 3);
    REQUIRE(
        world.run_until([&] { return world.meshed(world.everyone()) && all_synced(world); }, 40 * kSecondUs));
    for (int second = 0; second < 120; ++second) {
      world.run_for(kSecondUs);
      for (const size_t index : world.everyone()) REQUIRE(!alone(world, index));
    }
  });
}

TEST_CASE("who is heard but not heard by the other knows it") {
  for_each_seed([](World& world) {
    start_listed(world, 2);
    REQUIRE(
        world.run_until([&] { return world.meshed(world.everyone()) && all_synced(world); }, 20 * kSecondUs));
    world.run_for(kSecondUs);
    world.cut(0, 1);
    REQUIRE(world.run_until([&] { return alone(world, 0) && alone(world, 1); }, 12 * kSecondUs));
    CHECK(sight(world, 0, 1) == PeerSight::one_way);
    CHECK(sight(world, 1, 0) == PeerSight::silent);
    world.heal();
    REQUIRE(world.run_until([&] { return !alone(world, 0) && !alone(world, 1); }, 6 * kSecondUs));
  });
}

TEST_CASE("a stranger that hears nothing is told apart from a silent one") {
  for_each_seed([](World& world) {
    world.start(skewed(world, 0, {}));
    world.start(skewed(world, 1, {0}));
    world.set_seeds(0, {1});
    world.cut(0, 1);  // 1 never hears 0
    REQUIRE(world.run_until([&] { return alone(world, 0) && alone(world, 1); }, 20 * kSecondUs));
    CHECK(sight(world, 0, 1) == PeerSight::one_way);
    CHECK(sight(world, 1, 0) == PeerSight::silent);
  });
}

TEST_CASE("a snapshot remembers whether its node had held the cluster's state") {
  for_each_seed([](World& world) {
    const bool together = world.prng().below(2) == 0;
    NodeSettings settings = settings_of(0, {});
    settings.snapshots = true;
    world.start(settings);
    world.start(settings_of(1, {0}));
    world.set_seeds(0, {1});
    if (!together) world.crash(1);
    world.announce_for(40 * kSecondUs, 100, {0});
    CHECK(held(world, 0) == together);
    if (together) world.crash(1);
    world.stop(0);
    world.restart(0);
    world.set_seeds(0, {1});
    REQUIRE(world.run_until([&] { return alone(world, 0); }, 20 * kSecondUs));
    CHECK(held(world, 0) == together);
  });
}

TEST_CASE("a node that names nobody else is never alone and holds all there is") {
  for_each_seed([](World& world) {
    world.start(settings_of(0, {}));
    world.start(settings_of(1, {}));
    world.set_seeds(1, {1});
    world.run_for(30 * kSecondUs);
    for (const size_t index : {0u, 1u}) {
      CHECK(!alone(world, index));
      CHECK(held(world, index));
    }
  });
}

TEST_CASE("a stall of this node leaves no one alone") {
  for_each_seed([](World& world) {
    start_listed(world, 2);
    REQUIRE(
        world.run_until([&] { return world.meshed(world.everyone()) && all_synced(world); }, 20 * kSecondUs));
    world.run_for(kSecondUs);
    world.freeze(0);
    world.run_for(60 * kSecondUs);
    CHECK(alone(world, 1));
    world.thaw(0);
    for (int step = 0; step < 100; ++step) {
      REQUIRE(!alone(world, 0));
      world.run_for(100'000);
    }
    CHECK(!alone(world, 1));
  });
}

}  // namespace
}  // namespace shoal::sim
