// Sites: what crosses between them, and what becomes of it when the node that passes it on is gone, cannot
// reach the others, or is fed old packets.

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "proto/sync_header.h"
#include "scenario.h"

namespace shoal::sim {
namespace {

// A flush, two hops, and the merge.
constexpr int64_t kUsuallyUs = 150'000;
// One heartbeat, which tells what is missing, with its jitter; an ask and what is sent again.
constexpr int64_t kHeartbeatLaterUs = 550'000 + kUsuallyUs;
// New members are sent everything directly at first.
constexpr int64_t kSettledUs = 8 * kSecondUs;

const std::vector<std::string> kSites = {"fra", "nyc", "sgp"};

// So many nodes in each site, one after the other, which all know each other.
void start_in_sites(World& world, const std::vector<size_t>& counts) {
  for (size_t site = 0; site < counts.size(); ++site) {
    for (size_t i = 0; i < counts[site]; ++i) {
      const size_t index = world.size();
      NodeSettings settings = settings_of(index, index == 0 ? std::vector<size_t>{} : std::vector<size_t>{0});
      settings.site = kSites[site];
      world.start(settings);
    }
  }
  REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 10 * kSecondUs));
  world.run_for(kSettledUs);
}

// The node of that site that passes on what `origin` sends.
size_t forwarder_of(World& world, size_t origin, const std::string& site) {
  for (const sync::MemberStatus& member : world.status(origin).members) {
    if (member.forwards && member.site == site) return std::stoul(member.name.substr(1));
  }
  REQUIRE(false);
  return 0;
}

// How long one more peer, announced at `at`, takes until these nodes have it.
int64_t reaches(World& world, size_t at, const std::vector<size_t>& nodes, int64_t limit_us) {
  node::PeerAnnounce announce;
  for (uint8_t& byte : announce.info_hash.bytes) byte = static_cast<uint8_t>(world.prng().below(256));
  announce.peer = common::make_endpoint_v4(0xcb007100, 6881);
  announce.seeder = true;
  world.announce(at, announce);
  const int64_t begin_us = world.now_us();
  const auto has_it = [&](size_t node) {
    return world.record(node, {announce.info_hash, announce.peer}).has_value();
  };
  world.run_until([&] { return std::all_of(nodes.begin(), nodes.end(), has_it); }, limit_us);
  return world.now_us() - begin_us;
}

uint64_t forwarded_by_all(World& world) {
  uint64_t sum = 0;
  for (const size_t node : world.everyone()) sum += world.status(node).stats.forwards_sent;
  return sum;
}

TEST_CASE("sites: a delta packet crosses to each other site once, and reaches every node there once") {
  for_each_seed([](World& world) {
    start_in_sites(world, {4, 4, 3});
    // Copies by (origin, sequence, site) from another site, and by (origin, sequence, node) from anywhere.
    std::map<std::tuple<uint64_t, uint64_t, std::string>, int> crossed;
    std::map<std::tuple<uint64_t, uint64_t, size_t>, int> came;
    world.watch_links = [&](size_t from, size_t to, common::ByteSpan bytes) {
      const auto header = proto::parse_sync_header(bytes);
      if (header->stream != proto::SyncStream::deltas) return;
      ++came[{header->node_id, header->sequence, to}];
      const std::string& site = world.node(to).settings.site;
      if (world.node(from).settings.site != site) ++crossed[{header->node_id, header->sequence, site}];
    };
    check_converges(world, world.everyone(), 1000);
    world.watch_links = nullptr;
    CHECK(crossed.size() > 1000);
    for (const auto& [packet, copies] : crossed) REQUIRE(copies == 1);
    for (const auto& [packet, copies] : came) REQUIRE(copies == 1);
    for (const size_t node : world.everyone()) {
      CHECK(world.status(node).stats.forwards_received > 0);
      CHECK(world.status(node).stats.forwards_refused == 0);
    }
  });
}

TEST_CASE("sites: the nearest member of a site passes on") {
  for_each_seed([](World& world) {
    world.distance_us = [](size_t from, size_t to) -> int64_t {
      const bool far = (from < 2) != (to < 2);
      return far ? (std::max(from, to) == 3 ? 20'000 : 60'000) : 0;
    };
    start_in_sites(world, {2, 4});
    CHECK(forwarder_of(world, 0, "nyc") == 3);
    CHECK(forwarder_of(world, 1, "nyc") == 3);
    world.distance_us = nullptr;
  });
}

TEST_CASE("sites: with loss, delays and nodes without a site all agree, and nothing is lost") {
  for_each_seed([](World& world) {
    world.weather.loss = 0.2 * world.prng().unit();
    world.weather.delay_max_us = 2'000 + world.prng().below(60'000);
    world.weather.duplicate = 0.1;
    const size_t count = 5 + world.prng().below(5);
    for (size_t i = 0; i < count; ++i) {
      NodeSettings settings = settings_of(i, i == 0 ? std::vector<size_t>{} : std::vector<size_t>{0});
      const uint32_t drawn = world.prng().below(4);
      if (drawn < 3) settings.site = kSites[drawn];
      world.start(settings);
    }
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 20 * kSecondUs));
    world.run_for(kSettledUs);
    world.new_swarms();
    world.announce_for(30 * kSecondUs, 1500, world.everyone());
    REQUIRE(world.run_until([&] { return world.difference(world.everyone()) == ""; }, 5 * kSecondUs));
    for (const size_t node : world.everyone()) {
      CHECK(lost_of(world, node) == 0);
      CHECK(world.status(node).stats.dropped_malformed == 0);
    }
  });
}

TEST_CASE("sites: a node that passes on dies, which costs one heartbeat at most, and loses nothing") {
  for_each_seed([](World& world) {
    start_in_sites(world, {2, 4});
    world.announce_for(2 * kSecondUs, 100, world.everyone());
    const size_t forwarder = forwarder_of(world, 0, "nyc");
    std::vector<size_t> others = {2, 3, 4, 5};
    std::erase(others, forwarder);
    const bool leaves = world.prng().below(3) == 0;
    if (leaves) {
      world.stop(forwarder);
    } else {
      world.crash(forwarder);
    }
    for (int64_t us = 0; us < 3 * kSecondUs;) {
      const int64_t took_us = reaches(world, 0, others, 5 * kSecondUs);
      REQUIRE(took_us <= kHeartbeatLaterUs);
      us += took_us;
    }
    // Another one does it by now.
    const size_t next = forwarder_of(world, 0, "nyc");
    CHECK(next != forwarder);
    for (int i = 0; i < 10; ++i) REQUIRE(reaches(world, 0, others, kSecondUs) <= kUsuallyUs);
    CHECK(world.status(next).stats.forwards_sent > 0);
    for (const size_t node : others) CHECK(lost_of(world, node) == 0);
    world.restart(forwarder);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 5 * kSecondUs));
    world.run_for(kSettledUs);
    world.new_swarms();
    check_converges(world, world.everyone(), 500);
  });
}

TEST_CASE("sites: whom the forwarder does not reach is soon sent to directly") {
  for_each_seed([](World& world) {
    start_in_sites(world, {2, 4});
    const size_t forwarder = forwarder_of(world, 0, "nyc");
    const size_t deaf = forwarder == 5 ? 4 : 5;
    world.cut(forwarder, deaf);
    for (int64_t us = 0; us < 30 * kSecondUs;) {
      const int64_t took_us = reaches(world, 0, {deaf}, 5 * kSecondUs);
      REQUIRE(took_us <= kHeartbeatLaterUs);
      us += took_us;
    }
    for (int i = 0; i < 20; ++i) REQUIRE(reaches(world, 0, {2, 3, 4, 5}, kSecondUs) <= kUsuallyUs);
    world.heal();
    world.run_for(5 * kSecondUs);
    world.new_swarms();
    world.announce_for(10 * kSecondUs, 300, world.everyone());
    REQUIRE(world.run_until([&] { return world.difference(world.everyone()) == ""; }, 60 * kSecondUs));
  });
}

TEST_CASE("sites: a node that passes on and does not hear the origin any more is replaced") {
  for_each_seed([](World& world) {
    start_in_sites(world, {2, 4});
    world.announce_for(2 * kSecondUs, 100, world.everyone());
    const size_t forwarder = forwarder_of(world, 0, "nyc");
    std::vector<size_t> others = {2, 3, 4, 5};
    std::erase(others, forwarder);
    // The origin hears it.
    world.cut(0, forwarder);
    for (int64_t us = 0; us < 3 * kSecondUs;) {
      const int64_t took_us = reaches(world, 0, others, 5 * kSecondUs);
      REQUIRE(took_us <= kHeartbeatLaterUs);
      us += took_us;
    }
    CHECK(forwarder_of(world, 0, "nyc") != forwarder);
    for (int i = 0; i < 10; ++i) REQUIRE(reaches(world, 0, others, kSecondUs) <= kUsuallyUs);
    for (const size_t node : others) CHECK(lost_of(world, node) == 0);
  });
}

TEST_CASE("sites: more than a node passes on, and less than the pace, arrives all the same") {
  for_each_seed(
      [](World& world) {
        constexpr int64_t kPace = 8'000;
        for (size_t i = 0; i < 4; ++i) {
          NodeSettings settings = settings_of(i, i == 0 ? std::vector<size_t>{} : std::vector<size_t>{0});
          settings.site = i == 0 ? "fra" : "nyc";
          settings.pace_bytes_per_s = kPace;
          world.start(settings);
        }
        REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 10 * kSecondUs));
        world.run_for(kSettledUs);
        world.new_swarms();
        const auto forwarded = [&] {
          const sync::Stats stats = world.status(forwarder_of(world, 0, "nyc")).stats;
          return std::pair(stats.forwards_sent, stats.forwards_crowded);
        };
        world.announce_for(5 * kSecondUs, 4'500, {0});
        const auto [sent, crowded] = forwarded();
        REQUIRE(crowded > 0);
        world.announce_for(30 * kSecondUs, 27'000, {0});
        REQUIRE(world.run_until([&] { return world.difference(world.everyone()) == ""; }, 3 * kSecondUs));
        for (const size_t node : world.everyone()) CHECK(lost_of(world, node) == 0);
      },
      3);
}

TEST_CASE("sites: old packets, and those of strangers, are not passed on") {
  for_each_seed([](World& world) {
    start_in_sites(world, {2, 4});
    world.recording = true;
    world.announce_for(5 * kSecondUs, 200, world.everyone());
    world.run_for(kQuietUs);
    world.recording = false;
    const size_t forwarder = forwarder_of(world, 0, "nyc");
    const uint64_t before = forwarded_by_all(world);
    REQUIRE(before > 0);
    for (const auto& [from, bytes] : world.recorded) {
      world.inject(forwarder, world.node(from).address, *bytes);
      std::vector<uint8_t> altered = *bytes;
      altered[35] =
          static_cast<uint8_t>(altered[35] + 100);  // a later sequence, which it was not sealed with
      world.inject(forwarder, world.node(from).address, altered);
    }
    world.run_for(kQuietUs);
    // Nothing new was announced.
    CHECK(forwarded_by_all(world) == before);
    CHECK(world.status(forwarder).stats.dropped_unauthentic > 0);
    // The same to the next run of that node, which has not seen any of them.
    world.crash(forwarder);
    world.restart(forwarder);
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 5 * kSecondUs));
    world.run_for(kSettledUs);
    const uint64_t then = forwarded_by_all(world);
    for (const auto& [from, bytes] : world.recorded) {
      world.inject(forwarder, world.node(from).address, *bytes);
    }
    world.run_for(kQuietUs);
    CHECK(forwarded_by_all(world) == then);
  });
}

TEST_CASE("sites: without one nothing is passed on, whoever else has one") {
  for_each_seed([](World& world) {
    for (size_t i = 0; i < 6; ++i) {
      NodeSettings settings = settings_of(i, i == 0 ? std::vector<size_t>{} : std::vector<size_t>{0});
      if (i >= 3) settings.site = "fra";
      world.start(settings);
    }
    REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 5 * kSecondUs));
    world.run_for(kSettledUs);
    world.new_swarms();
    check_converges(world, world.everyone(), 500);
    CHECK(forwarded_by_all(world) == 0);
  });
}

}  // namespace
}  // namespace shoal::sim
