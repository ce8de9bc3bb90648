// Differences left by loss, cuts, full queues and late starts are found by digests and pulled.

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "scenario.h"

namespace shoal::sim {
namespace {

bool synced(World& world, size_t index) { return world.status(index).phase == sync::SyncPhase::synced; }

bool all_synced(World& world, const std::vector<size_t>& nodes) {
  return std::all_of(nodes.begin(), nodes.end(), [&](size_t index) { return synced(world, index); });
}

// Starts a mesh that runs and gets announces for a while.
void start_running(World& world, size_t count) {
  start_mesh(world, count);
  REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 20 * kSecondUs));
  REQUIRE(world.run_until([&] { return all_synced(world, world.everyone()); }, 15 * kSecondUs));
  world.announce_for(60 * kSecondUs, 600, world.everyone());
  world.run_for(kQuietUs);
}

// Nothing differs, digests say so, and nothing is pulled.
void check_calm(World& world) {
  world.run_for(10 * kSecondUs);
  std::vector<uint64_t> before;
  for (const size_t index : world.everyone()) before.push_back(world.status(index).stats.pulls_started);
  world.run_for(120 * kSecondUs);
  REQUIRE(world.difference_in_all(world.everyone()) == "");
  for (const size_t index : world.everyone()) {
    const sync::Status status = world.status(index);
    REQUIRE(status.stats.pulls_started == before[index]);
    for (const sync::MemberStatus& member : status.members) {
      REQUIRE(member.differing == 0);
      REQUIRE(member.agreed_ago_ms >= 0);
      REQUIRE(member.agreed_ago_ms < 30'000);
    }
  }
}

TEST_CASE("a late joiner pulls everything and is in step then") {
  for_each_seed([](World& world) {
    start_running(world, 3);
    world.start(settings_of(3, {0}));
    REQUIRE(!synced(world, 3));
    REQUIRE(world.run_until([&] { return synced(world, 3); }, 10 * kSecondUs));
    REQUIRE(world.difference_in_all(world.everyone()) == "");
    const sync::Stats stats = world.status(3).stats;
    REQUIRE(stats.pulls_finished == 1);
    REQUIRE(stats.pulled_applied == stats.pulled_records);
    REQUIRE(stats.pulled_records > 300);
    check_calm(world);
  });
}

TEST_CASE("a late joiner under load misses nothing") {
  for_each_seed([](World& world) {
    start_running(world, 3);
    world.start(settings_of(3, {0}));
    world.announce_for(20 * kSecondUs, 2000, {0, 1, 2});
    REQUIRE(synced(world, 3));
    REQUIRE(equal_within(world, 10 * kSecondUs));
    check_calm(world);
  });
}

TEST_CASE("a cut of five minutes, with the same peers on both sides, heals within fifteen seconds") {
  for_each_seed([](World& world) {
    start_running(world, 4);
    for (const size_t a : {0u, 1u}) {
      for (const size_t b : {2u, 3u}) cut_between(world, a, b);
    }
    world.announce_for(300 * kSecondUs, 3000, world.everyone());
    REQUIRE(world.difference_in_all(world.everyone()) != "");
    world.heal();
    REQUIRE(equal_within(world, 15 * kSecondUs));
    check_calm(world);
  });
}

// Announces one of `count` peers, each in its own swarm.
void announce_one(World& world, size_t node, uint32_t count, uint32_t first) {
  const uint32_t number = first + world.prng().below(count);
  node::PeerAnnounce announce;
  // Spread over the buckets.
  common::Prng hash(number);
  for (uint8_t& byte : announce.info_hash.bytes) byte = static_cast<uint8_t>(hash.below(256));
  announce.peer = common::make_endpoint_v4(0xc6000000 + number, 6881);
  announce.seeder = world.prng().below(2) == 0;  // makes nearly every announce a change
  world.announce(node, announce);
}

TEST_CASE("a cut heals within ten seconds although everything is announced again meanwhile") {
  constexpr uint32_t kPeers = 8000;
  for_each_seed(
      [](World& world) {
        start_running(world, 3);
        const auto announce_for = [&world](int64_t us) {
          for (const int64_t end_us = world.now_us() + us; world.now_us() < end_us; world.run_for(20'000)) {
            announce_one(world, 0, kPeers, 0);
            announce_one(world, 1 + world.prng().below(2), kPeers, kPeers);
          }
        };
        for (const size_t other : {1u, 2u}) cut_between(world, 0, other);
        announce_for(300 * kSecondUs);
        world.heal();
        // Every tick that is compared keeps changing.
        announce_for(10 * kSecondUs);
        world.run_for(kQuietUs);
        REQUIRE(world.difference_in_all(world.everyone()) == "");
        check_calm(world);
      },
      2);
}

TEST_CASE("what is lost beyond resending arrives by a pull") {
  for_each_seed([](World& world) {
    start_running(world, 3);
    // One way only, so that each still hears the other.
    world.cut(0, 1);
    world.announce_for(60 * kSecondUs, 600, {0});
    world.heal();
    REQUIRE(equal_within(world, 20 * kSecondUs));
    REQUIRE(world.status(1).stats.pulled_applied > 0);
    check_calm(world);
  });
}

TEST_CASE("what found the workers' queues full arrives by a pull") {
  for_each_seed([](World& world) {
    start_running(world, 3);
    world.queues_overflow = true;
    world.announce_for(5 * kSecondUs, 50, {0});
    world.queues_overflow = false;
    REQUIRE(world.difference_in_all(world.everyone()) != "");
    // Two ticks until these records are compared, two rounds until they count as missing.
    REQUIRE(equal_within(world, 60 * kSecondUs));
    const sync::Stats stats = world.status(1).stats;
    // Cell by cell, not everything again from each of the two others.
    REQUIRE(stats.pulled_applied > 0);
    REQUIRE(stats.pulled_records < 2 * world.node(1).swarms->records().size());
    check_calm(world);
  });
}

TEST_CASE("a donor that dies during a pull is replaced by another") {
  for_each_seed([](World& world) {
    start_running(world, 3);
    for (const size_t index : world.everyone()) world.clog(index);
    world.start(settings_of(3, {0}));
    REQUIRE(world.run_until([&] { return world.status(3).phase == sync::SyncPhase::bootstrapping; },
                            5 * kSecondUs));
    const std::string donor = world.status(3).donor;
    world.run_for(kSecondUs);
    const size_t dying = static_cast<size_t>(donor.back() - '0');
    world.crash(dying);
    world.unclog();
    REQUIRE(world.run_until([&] { return synced(world, 3); }, 20 * kSecondUs));
    std::vector<size_t> living = world.everyone();
    std::erase(living, dying);
    REQUIRE(world.difference_in_all(living) == "");
    REQUIRE(world.status(3).stats.pulls_finished == 1);
    REQUIRE(world.status(3).stats.pulls_failed + world.status(3).stats.pulls_refused == 1);
  });
}

TEST_CASE("a silent donor is given up") {
  for_each_seed([](World& world) {
    start_running(world, 2);
    world.clog(0);
    world.clog(1);
    world.start(settings_of(2, {0}));
    world.run_for(8 * kSecondUs);
    REQUIRE(world.status(2).phase == sync::SyncPhase::bootstrapping);
    world.run_for(6 * kSecondUs);
    REQUIRE(world.status(2).stats.pulls_failed >= 1);
    world.unclog();
    REQUIRE(world.run_until([&] { return synced(world, 2); }, 20 * kSecondUs));
    REQUIRE(world.difference_in_all(world.everyone()) == "");
    REQUIRE(world.streams() == 0);
  });
}

TEST_CASE("a damaged stream is given up, and nothing of the damaged frame is merged") {
  for_each_seed([](World& world) {
    start_running(world, 2);
    world.damage_stream(0);
    world.damage_stream(1);
    world.start(settings_of(2, {0}));
    REQUIRE(world.run_until([&] { return synced(world, 2); }, 30 * kSecondUs));
    REQUIRE(world.status(2).stats.pulls_failed >= 1);
    REQUIRE(world.difference_in_all(world.everyone()) == "");
  });
}

TEST_CASE("nodes that start together do not wait for each other for ever") {
  for_each_seed([](World& world) {
    start_mesh(world, 4);
    REQUIRE(world.run_until([&] { return all_synced(world, world.everyone()); }, 8 * kSecondUs));
    check_converges(world, world.everyone(), 300);
  });
}

TEST_CASE("a lone node serves after a bounded wait") {
  for_each_seed([](World& world) {
    world.start(settings_of(0, {}));
    world.run_for(2 * kSecondUs);
    REQUIRE(!synced(world, 0));
    REQUIRE(world.run_until([&] { return synced(world, 0); }, 2 * kSecondUs));
    REQUIRE(logged(world.node(0), "no other member"));
  });
}

TEST_CASE("a newcomer whose donor lacks records gets them from others") {
  for_each_seed([](World& world) {
    start_running(world, 3);
    world.queues_overflow = true;
    world.announce_for(2 * kSecondUs, 40, {2});
    world.queues_overflow = false;
    world.run_for(35 * kSecondUs);  // the records are old enough to be compared, but may not have healed yet
    world.start(settings_of(3, {0}));
    REQUIRE(world.run_until([&] { return synced(world, 3); }, 30 * kSecondUs));
    REQUIRE(equal_within(world, 30 * kSecondUs));
    check_calm(world);
  });
}

TEST_CASE("a replayed request is not answered, nor is one for another run or donor") {
  for_each_seed([](World& world) {
    start_running(world, 3);
    world.start(settings_of(3, {0}));
    REQUIRE(world.run_until([&] { return synced(world, 3); }, 10 * kSecondUs));
    REQUIRE(!world.requests.empty());
    const std::vector<uint8_t> request = *world.requests.back().second;
    for (const size_t donor : {0u, 1u, 2u}) REQUIRE(!world.request_answered(donor, request));
    for (size_t at = 0; at < request.size(); ++at) {
      std::vector<uint8_t> forged = request;
      forged[at] ^= 0x20;
      REQUIRE(!world.request_answered(0, forged));
      REQUIRE(!world.request_answered(0, {request.begin(), request.begin() + at}));
    }
    world.crash(0);
    world.restart(0);
    REQUIRE(world.run_until([&] { return synced(world, 0); }, 20 * kSecondUs));
    REQUIRE(!world.request_answered(0, request));
  });
}

TEST_CASE("records that expire are no difference") {
  for_each_seed([](World& world) {
    for (size_t i = 0; i < 3; ++i) {
      NodeSettings settings = settings_of(i, i == 0 ? std::vector<size_t>{} : std::vector<size_t>{0});
      settings.peer_timeout_s = 360;  // ticks of 2 s
      settings.clock_offset_ms = static_cast<int64_t>(world.prng().below(1000));
      world.start(settings);
    }
    REQUIRE(world.run_until([&] { return all_synced(world, world.everyone()); }, 15 * kSecondUs));
    // A node that is synced a moment after another pulls everything from it; nobody pulls anything twice.
    std::vector<uint64_t> before;
    for (const size_t index : world.everyone()) before.push_back(world.status(index).stats.pulls_started);
    world.announce_for(20 * kSecondUs, 300, world.everyone());
    world.run_for(400 * kSecondUs);
    REQUIRE(world.node(0).swarms->records().empty());
    for (const size_t index : world.everyone()) {
      REQUIRE(world.status(index).stats.pulls_started == before[index]);
    }
  });
}

TEST_CASE("steady announces and loss do not make nodes pull without end") {
  for_each_seed([](World& world) {
    start_running(world, 3);
    world.weather.loss = 0.05;
    uint64_t before = 0;
    for (const size_t index : world.everyone()) before += world.status(index).stats.pulled_records;
    world.announce_for(300 * kSecondUs, 3000, world.everyone());
    uint64_t pulled = 0;
    for (const size_t index : world.everyone()) pulled += world.status(index).stats.pulled_records;
    REQUIRE(pulled - before < 3000);
    world.weather.loss = 0;
    world.run_for(60 * kSecondUs);
    check_calm(world);
  });
}

TEST_CASE("what was missed long ago is found while announces never pause") {
  for_each_seed(
      [](World& world) {
        start_running(world, 2);
        world.queues_overflow = true;
        world.announce_for(2 * kSecondUs, 40, {0});
        world.queues_overflow = false;
        node::PeerAnnounce missed;
        missed.info_hash.bytes.fill(0xee);
        missed.peer = common::make_endpoint_v4(0xcb007109, 6881);
        // Only node 0 knows it, and every tick since differs in another way each time.
        world.weather.delay_min_us = 200'000;
        world.weather.delay_max_us = 300'000;
        world.queues_overflow = true;
        world.announce(0, missed);
        world.queues_overflow = false;
        for (int i = 0; i < 60; ++i) world.announce_for(5 * kSecondUs, 150, world.everyone());
        REQUIRE(world.node(1).swarms->records().contains({missed.info_hash, missed.peer}));
      },
      4);
}

TEST_CASE("a pull does not bring a stopped peer back") {
  for_each_seed([](World& world) {
    start_running(world, 2);
    cut_between(world, 0, 1);
    // Node 1 still has peers that stop at node 0.
    world.announce_for(120 * kSecondUs, 1500, {0});
    std::set<PeerKey> stopped;
    for (const auto& [key, record] : world.node(0).swarms->records()) {
      if (record.state.role == proto::PeerRole::stopped) stopped.insert(key);
    }
    REQUIRE(!stopped.empty());
    world.heal();
    REQUIRE(equal_within(world, 15 * kSecondUs));
    for (const PeerKey& key : stopped) {
      for (const size_t index : {0u, 1u}) {
        REQUIRE(world.node(index).swarms->records().at(key).state.role == proto::PeerRole::stopped);
      }
    }
  });
}

TEST_CASE("three newcomers share a donor's two places") {
  for_each_seed([](World& world) {
    start_running(world, 1);
    world.clog(0);
    for (size_t i = 1; i < 4; ++i) world.start(settings_of(i, {0}));
    world.run_for(2 * kSecondUs);
    world.unclog();
    REQUIRE(world.run_until([&] { return all_synced(world, world.everyone()); }, 20 * kSecondUs));
    REQUIRE(world.difference_in_all(world.everyone()) == "");
    REQUIRE(world.status(0).stats.donations_refused >= 1);
    uint64_t finished = 0;
    for (const size_t index : world.everyone()) finished += world.status(index).stats.donations_finished;
    REQUIRE(finished >= 3);
  });
}

}  // namespace
}  // namespace shoal::sim
