// What the number of nodes costs: a table by a command of its own, and what must hold at the limits.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "proto/sync_header.h"
#include "proto/sync_packet.h"
#include "scenario.h"
#include "sync/membership.h"

namespace shoal::sim {
namespace {

constexpr int64_t kWarmUs = 20 * kSecondUs;
constexpr int64_t kMeasuredUs = 20 * kSecondUs;

// Of each node's clients.
constexpr int64_t kAnnouncesPerS = 20;
constexpr uint32_t kSwarmsAnnounced = 2000;

// What one datagram costs beside what it carries: the headers of Ethernet, IPv4 and UDP.
constexpr uint64_t kFrameBytes = 14 + 20 + 8;

enum class Shape { unicast, multicast, sites };

const char* name_of(Shape shape) {
  constexpr const char* kNames[] = {"unicast", "multicast", "5 sites"};
  return kNames[static_cast<size_t>(shape)];
}

// A second of all nodes' clients.
void announce_second(World& world) {
  const size_t nodes = world.size();
  const int64_t count = kAnnouncesPerS * static_cast<int64_t>(nodes);
  for (int64_t i = 0; i < count; ++i) {
    node::PeerAnnounce announce;
    const uint32_t swarm = world.prng().below(kSwarmsAnnounced);
    common::Prng hash(swarm);
    for (uint8_t& byte : announce.info_hash.bytes) byte = static_cast<uint8_t>(hash.next());
    announce.peer = common::make_endpoint_v4(0xc0000000 + world.prng().below(1 << 24), 6881);
    announce.event = proto::Event::started;
    world.announce(world.prng().below(static_cast<uint32_t>(nodes)), announce);
    world.run_for(kSecondUs / count);
  }
}

struct Totals {
  uint64_t sent = 0;
  uint64_t received = 0;
  uint64_t sent_bytes = 0;
  uint64_t received_bytes = 0;
  int64_t cpu_ns = 0;
  uint64_t digests = 0;
  uint64_t pulls = 0;
  uint64_t far_bytes = 0;  // to nodes elsewhere
};

// Nodes are spread over so many places in turn, whether or not they are told.
constexpr size_t kPlaces = 5;

Totals totals(World& world, uint64_t far_bytes) {
  Totals out;
  out.far_bytes = far_bytes;
  for (const size_t index : world.everyone()) {
    const sync::Stats stats = world.status(index).stats;
    out.sent += stats.datagrams_sent;
    out.received += stats.datagrams_received;
    out.sent_bytes += stats.bytes_sent + kFrameBytes * stats.datagrams_sent;
    out.received_bytes += stats.bytes_received + kFrameBytes * stats.datagrams_received;
    out.cpu_ns += world.node(index).cpu_ns;
    out.digests += stats.digests_compared;
    out.pulls += stats.pulls_started;
  }
  return out;
}

// Two stores that hold the same have the same digests.
bool same_stores(World& world) {
  const auto& first = *world.node(0).swarms;
  const auto nodes = world.everyone();
  return std::all_of(nodes.begin(), nodes.end(), [&](size_t node) {
    return world.node(node).swarms->stamp_digests() == first.stamp_digests();
  });
}

void print_row(size_t nodes, Shape shape, const char* load, const Totals& before, const Totals& now) {
  const double per = static_cast<double>(nodes) * static_cast<double>(kMeasuredUs) / kSecondUs;
  const auto rate = [per](uint64_t then, uint64_t later) { return static_cast<double>(later - then) / per; };
  std::printf("| %zu | %s | %s | %.0f | %.0f | %.1f | %.1f | %.1f | %.2f | %.1f | %.2f |\n", nodes,
              name_of(shape), load, rate(before.sent, now.sent), rate(before.received, now.received),
              rate(before.sent_bytes, now.sent_bytes) / 1000,
              rate(before.received_bytes, now.received_bytes) / 1000,
              rate(before.far_bytes, now.far_bytes) / 1000,
              static_cast<double>(now.cpu_ns - before.cpu_ns) / per / 1e7, rate(before.digests, now.digests),
              rate(before.pulls, now.pulls));
}

// Starts so many nodes, and waits until all know each other.
void start_shape(World& world, size_t nodes, Shape shape) {
  for (size_t i = 0; i < nodes; ++i) {
    NodeSettings settings = settings_of(i, i == 0 ? std::vector<size_t>{} : std::vector<size_t>{0});
    if (shape == Shape::multicast) settings.groups = {0};
    if (shape == Shape::sites) settings.site = "site" + std::to_string(i % 5);
    settings.keeps_map = false;
    world.start(settings);
  }
  REQUIRE(world.run_until([&] { return world.meshed(world.everyone()); }, 60 * kSecondUs));
  world.run_for(kWarmUs);
}

void measure(size_t nodes, Shape shape) {
  World world(1);
  world.measures_cpu = true;
  uint64_t far_bytes = 0;
  world.watch_links = [&far_bytes](size_t from, size_t to, common::ByteSpan bytes) {
    if (from % kPlaces != to % kPlaces) far_bytes += bytes.size() + kFrameBytes;
  };
  start_shape(world, nodes, shape);
  Totals before = totals(world, far_bytes);
  world.run_for(kMeasuredUs);
  print_row(nodes, shape, "none", before, totals(world, far_bytes));
  for (int64_t us = 0; us < kWarmUs; us += kSecondUs) announce_second(world);
  before = totals(world, far_bytes);
  for (int64_t us = 0; us < kMeasuredUs; us += kSecondUs) announce_second(world);
  print_row(nodes, shape, "20/s", before, totals(world, far_bytes));
  world.run_for(2 * kSecondUs);
  CHECK(same_stores(world));
}

// Of 3, 10, 25, 50 and 100 nodes, or of --nodes N. A row: per node and second datagrams sent and received, kB
// sent and received on the wire and, of those sent, to nodes in another of five places; CPU in percent,
// digests compared, pulls.
TEST_CASE("table: what the number of nodes costs" * doctest::skip()) {
  std::vector<size_t> sizes = {3, 10, 25, 50, 100};
  if (const size_t wanted = nodes_wanted(0); wanted != 0) sizes = {wanted};
  std::printf(
      "| nodes | by | announces | sent /s | received /s | kB/s sent | kB/s received | kB/s elsewhere | CPU "
      "%% | compared /s | "
      "pulls /s |\n");
  std::printf("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  for (const Shape shape : {Shape::unicast, Shape::multicast, Shape::sites}) {
    for (const size_t nodes : sizes) measure(nodes, shape);
  }
}

// One peer that only one node knows, or that only one node does not know, since its delta was lost for good:
// in sum over all nodes, until all know it and a minute more.
TEST_CASE("table: what one difference costs" * doctest::skip()) {
  std::vector<size_t> sizes = {3, 10, 25, 50};
  if (const size_t wanted = nodes_wanted(0); wanted != 0) sizes = {wanted};
  std::printf(
      "| nodes | that know it | within s | pulls | datagrams | kB |\n| --- | --- | --- | --- | --- | --- "
      "|\n");
  for (const bool one_knows : {true, false}) {
    for (const size_t nodes : sizes) {
      World world(1);
      start_shape(world, nodes, Shape::unicast);
      const Totals before = totals(world, 0);
      node::PeerAnnounce announce;
      announce.info_hash.bytes.fill(1);
      announce.peer = common::make_endpoint_v4(0xcb007100, 6881);
      world.queues_overflow = true;
      for (size_t node = 0; node < (one_knows ? 1 : nodes - 1); ++node) world.announce(node, announce);
      world.queues_overflow = false;
      const int64_t began_us = world.now_us();
      CHECK(world.run_until([&] { return same_stores(world); }, 300 * kSecondUs));
      const int64_t took_us = world.now_us() - began_us;
      world.run_for(60 * kSecondUs);
      const Totals idle_before = totals(world, 0);
      world.run_for(took_us + 60 * kSecondUs);
      const Totals idle = totals(world, 0);
      // What is sent anyway is not counted.
      const auto more = [&](uint64_t Totals::*what) {
        return static_cast<int64_t>(idle_before.*what - before.*what) -
               static_cast<int64_t>(idle.*what - idle_before.*what);
      };
      std::printf("| %zu | %zu | %.1f | %lld | %lld | %.1f |\n", nodes, one_knows ? size_t{1} : nodes - 1,
                  static_cast<double>(took_us) / kSecondUs, static_cast<long long>(more(&Totals::pulls)),
                  static_cast<long long>(more(&Totals::sent)),
                  static_cast<double>(more(&Totals::sent_bytes)) / 1000);
    }
  }
}

// A node in the middle, which hears all others, and they only it.
void start_star(World& world, size_t others) {
  for (size_t i = 0; i <= others; ++i) {
    NodeSettings settings = settings_of(i, i == 0 ? std::vector<size_t>{} : std::vector<size_t>{0});
    for (size_t other = 1; other < i; ++other) cut_between(world, i, other);
    world.start(settings);
  }
}

size_t alive_at(World& world, size_t node) {
  const sync::Status status = world.status(node);
  return static_cast<size_t>(std::count_if(
      status.members.begin(), status.members.end(),
      [](const sync::MemberStatus& member) { return member.state == sync::MemberState::alive; }));
}

bool is_member(World& world, size_t node, const std::string& name) {
  const sync::Status status = world.status(node);
  return std::any_of(status.members.begin(), status.members.end(),
                     [&](const sync::MemberStatus& member) { return member.name == name; });
}

TEST_CASE(
    "size: with 256 members heartbeats fit a datagram, name every member in time, and come no more often") {
  for_each_seed(
      [](World& world) {
        constexpr size_t kOthers = sync::Membership::kMembersMax;
        start_star(world, kOthers);
        REQUIRE(world.run_until([&] { return alive_at(world, 0) == kOthers; }, 20 * kSecondUs));
        world.run_for(15 * kSecondUs);
        size_t largest = 0;
        uint64_t count = 0;
        world.watch_links = [&](size_t from, size_t, common::ByteSpan bytes) {
          if (from != 0) return;
          ++count;
          largest = std::max(largest, bytes.size());
        };
        constexpr int64_t kSeconds = 15;
        for (int64_t i = 0; i < kSeconds; ++i) {
          world.run_for(kSecondUs);
          // Nobody is taken for deaf because its turn in the list comes late.
          REQUIRE(alive_at(world, 0) == kOthers);
        }
        world.watch_links = nullptr;
        CHECK(largest <= 1200);
        // Two heartbeats a second, with a tenth of jitter, and a round of digests in five.
        CHECK(count <= kOthers * kSeconds * 5 / 2);
        for (const sync::MemberStatus& member : world.status(0).members) CHECK(member.round_trip_us > 0);
        for (const size_t node : world.everyone()) {
          if (node != 0) REQUIRE(alive_at(world, node) == 1);
        }
      },
      1);
}

TEST_CASE("size: a member too many is refused, and the others stay") {
  for_each_seed(
      [](World& world) {
        constexpr size_t kOthers = sync::Membership::kMembersMax + 4;
        start_star(world, kOthers);
        REQUIRE(world.run_until([&] { return alive_at(world, 0) == sync::Membership::kMembersMax; },
                                20 * kSecondUs));
        world.run_for(5 * kSecondUs);
        CHECK(alive_at(world, 0) == sync::Membership::kMembersMax);
        CHECK(world.status(0).members.size() == sync::Membership::kMembersMax);
        CHECK(world.status(0).stats.dropped_refused > 0);
        CHECK(logged(world.node(0), "more members than this node can hold"));
        // One that leaves makes room.
        const std::string gone = world.status(0).members[0].name;
        world.crash(std::stoul(gone.substr(1)));
        REQUIRE(world.run_until([&] { return !is_member(world, 0, gone); }, 20 * kSecondUs));
        REQUIRE(world.run_until([&] { return alive_at(world, 0) == sync::Membership::kMembersMax; },
                                5 * kSecondUs));
      },
      1);
}

}  // namespace
}  // namespace shoal::sim
