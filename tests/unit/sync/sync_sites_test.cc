// Sites as one node sees them: what it passes on for whom, and what a member with a valid key cannot make it
// do.

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "sync/cluster.h"
#include "sync/sites.h"
#include "tests/unit/support/no_swarms.h"
#include "tests/unit/support/sync_peer.h"

using namespace shoal;

namespace {

constexpr int64_t kUnixMs = 1'800'000'000'000;

sync::ClusterKey the_key() {
  sync::ClusterKey key;
  key.fill(1);
  return key;
}

sync::Config config_in(const std::string& site, int64_t pace_bytes_per_s) {
  sync::Config out;
  out.name = "here";
  out.cluster = "test";
  out.keys = {the_key()};
  out.incarnation = static_cast<uint64_t>(kUnixMs) << 16;
  out.site = site;
  out.pace_bytes_per_s = pace_bytes_per_s;
  return out;
}

test::SyncPeer peer_of(const std::string& name, uint32_t number) {
  return {{the_key()},
          "test",
          name,
          static_cast<uint64_t>(kUnixMs) << 16,
          common::make_endpoint_v4(0x0a000000 + number, 6970)};
}

const uint64_t kHere = sync::node_id("test", "here");

struct Scene {
  explicit Scene(const std::string& site = "fra", int64_t pace_bytes_per_s = 6'250'000)
      : cluster(config_in(site, pace_bytes_per_s), swarms, now) {}

  void hear(test::SyncPeer& from, const std::string& name, const std::string& site,
            std::vector<uint64_t> forwarders = {}) {
    proto::Heartbeat made;
    made.name = name;
    made.unix_ms = now.unix_ms;
    made.peer_timeout_s = 2700;
    made.synced = true;
    made.list_parts = 1;
    made.site = site;
    made.forwarders = std::move(forwarders);
    cluster.receive(now, {from.from, std::nullopt, *from.control(made)}, out);
  }

  sync::SealedPacket delta(test::SyncPeer& from) {
    proto::DeltaBatch batch{2700, {}, now.unix_ms};
    batch.deltas.resize(1);
    batch.deltas[0].peer = common::make_endpoint_v4(0xcb007101, 6881);
    return from.sealer.seal(proto::SyncStream::deltas, proto::encode_sync_packet(batch));
  }

  // Where copies of this very packet were sent to, in order, when it came from there.
  std::vector<common::Endpoint> passed(const sync::SealedPacket& packet, const common::Endpoint& from) {
    out = {};
    cluster.receive(now, {from, std::nullopt, *packet}, out);
    std::vector<common::Endpoint> to;
    for (const sync::Send& send : out.sends) {
      if (*send.bytes == *packet) to.push_back(send.to);
    }
    std::sort(to.begin(), to.end());
    return to;
  }

  sync::Stats stats() const { return cluster.status(now).stats; }

  sync::Now now{1'000'000, kUnixMs};
  test::NoSwarms swarms;
  sync::Cluster cluster;
  sync::Outputs out;
};

// An origin elsewhere, two mates of this node's site, one node without a site.
struct Cast {
  explicit Cast(Scene& scene) {
    for (test::SyncPeer* peer : {&origin, &mate, &other_mate, &nowhere}) {
      REQUIRE(peer->meet(scene.cluster, scene.now, scene.out));
    }
    scene.hear(mate, "mate", "fra");
    scene.hear(other_mate, "other_mate", "fra");
    scene.hear(nowhere, "nowhere", "");
  }

  test::SyncPeer origin = peer_of("origin", 1);
  test::SyncPeer mate = peer_of("mate", 2);
  test::SyncPeer other_mate = peer_of("other_mate", 3);
  test::SyncPeer nowhere = peer_of("nowhere", 4);
};

using Addresses = std::vector<common::Endpoint>;

TEST_CASE("sites: a packet goes unchanged to the others of the site, once, if its origin asks for that") {
  Scene scene;
  Cast cast(scene);
  scene.hear(cast.origin, "origin", "nyc");
  CHECK(scene.passed(scene.delta(cast.origin), cast.origin.from).empty());
  scene.hear(cast.origin, "origin", "nyc", {kHere});
  const sync::SealedPacket packet = scene.delta(cast.origin);
  CHECK(scene.passed(packet, cast.origin.from) == Addresses{cast.mate.from, cast.other_mate.from});
  CHECK(scene.passed(packet, cast.origin.from).empty());
  CHECK(scene.stats().forwards_sent == 2);
  CHECK(scene.stats().dropped_replayed == 1);
  scene.hear(cast.origin, "origin", "nyc", {sync::node_id("test", "mate")});
  CHECK(scene.passed(scene.delta(cast.origin), cast.origin.from).empty());
}

TEST_CASE("sites: only deltas are passed on, and only those of another site") {
  Scene scene;
  Cast cast(scene);
  scene.hear(cast.origin, "origin", "nyc", {kHere});
  CHECK(scene.passed(cast.origin.control(proto::ClientLoad{1, 1}), cast.origin.from).empty());
  for (const char* site : {"fra", ""}) {
    scene.hear(cast.origin, "origin", site, {kHere});
    CHECK(scene.passed(scene.delta(cast.origin), cast.origin.from).empty());
  }
  scene.hear(cast.mate, "mate", "fra", {kHere});
  CHECK(scene.passed(scene.delta(cast.mate), cast.mate.from).empty());
}

TEST_CASE("sites: who asks two nodes of one site is passed on by none") {
  Scene scene;
  Cast cast(scene);
  scene.hear(cast.origin, "origin", "nyc", {kHere, sync::node_id("test", "mate")});
  CHECK(scene.passed(scene.delta(cast.origin), cast.origin.from).empty());
  CHECK(scene.stats().forwards_refused == 1);
}

TEST_CASE("sites: what was passed on is used, not passed on again, and proves no life of its origin") {
  Scene scene;
  Cast cast(scene);
  scene.hear(cast.origin, "origin", "nyc", {kHere});
  const auto heard_ago_ms = [&] {
    for (const sync::MemberStatus& member : scene.cluster.status(scene.now).members) {
      if (member.name == "origin") return member.heard_ago_ms;
    }
    return int64_t{-1};
  };
  scene.now.mono_us += 900'000;
  scene.now.unix_ms += 900;
  CHECK(scene.passed(scene.delta(cast.origin), cast.mate.from).empty());
  CHECK(heard_ago_ms() == 900);
  CHECK(scene.stats().forwards_received == 1);
  CHECK(scene.stats().deltas_received == 1);
  CHECK(scene.passed(scene.delta(cast.origin), cast.origin.from).size() == 2);
  CHECK(heard_ago_ms() == 0);
}

TEST_CASE("sites: a packet of an origin that is no member here draws no challenge to who passed it on") {
  Scene scene;
  Cast cast(scene);
  test::SyncPeer stranger = peer_of("stranger", 9);
  const sync::SealedPacket packet = scene.delta(stranger);
  scene.out = {};
  scene.cluster.receive(scene.now, {cast.mate.from, std::nullopt, *packet}, scene.out);
  CHECK(scene.out.sends.empty());
  CHECK(scene.stats().forwards_unknown == 1);
}

TEST_CASE("sites: an origin that sends more than the pace is passed on up to the pace") {
  Scene scene("fra", 20'000);
  Cast cast(scene);
  scene.hear(cast.origin, "origin", "nyc", {kHere});
  size_t copies = 0;
  size_t bytes = 0;
  for (int i = 0; i < 1'000; ++i) {
    const sync::SealedPacket packet = scene.delta(cast.origin);
    bytes = packet->size();
    copies += scene.passed(packet, cast.origin.from).size();
  }
  CHECK(copies * bytes < 2 * 3'000);
  CHECK(copies > 2);
  CHECK(scene.stats().forwards_refused + scene.stats().forwards_crowded > 900);
}

TEST_CASE("sites: what an origin may send at once is passed on at once") {
  constexpr int64_t kPace = 125'000;
  Scene scene("fra", kPace);
  Cast cast(scene);
  scene.hear(cast.origin, "origin", "nyc", {kHere});
  for (int64_t bytes = 0; bytes < kPace / 20;) {
    const sync::SealedPacket packet = scene.delta(cast.origin);
    bytes += static_cast<int64_t>(packet->size());
    REQUIRE(scene.passed(packet, cast.origin.from).size() == 2);
  }
  CHECK(scene.stats().forwards_crowded == 0);
}

TEST_CASE("sites: a node without a site passes nothing on") {
  Scene scene("");
  Cast cast(scene);
  scene.hear(cast.origin, "origin", "nyc", {kHere});
  CHECK(scene.passed(scene.delta(cast.origin), cast.origin.from).empty());
  CHECK(scene.stats().forwards_refused == 0);
}

// This node as an origin, and three members of another site.
struct Elsewhere {
  static constexpr uint32_t kCount = 3;

  struct Member {
    explicit Member(uint32_t number) : name("m" + std::to_string(number)), peer(peer_of(name, number)) {}
    std::string name;
    test::SyncPeer peer;
    bool speaks = true;
    uint32_t hears_ago_ms = 0;
    uint32_t loss_permille = 0;
  };

  Elsewhere() {
    for (uint32_t i = 1; i <= kCount; ++i) {
      members.emplace_back(i);
      REQUIRE(members.back().peer.meet(scene.cluster, scene.now, scene.out));
    }
    // New members are sent everything directly at first.
    run_ms(7'000);
    REQUIRE(reached() == Addresses{forwarder().peer.from});
  }

  void run_ms(int64_t ms) {
    for (int64_t i = 0; i < ms / 100; ++i) {
      scene.now.mono_us += 100'000;
      scene.now.unix_ms += 100;
      scene.cluster.advance(scene.now, scene.out);
      if (++steps % 5 != 0) continue;
      for (Member& member : members) {
        if (member.speaks) beat(member);
      }
    }
  }

  void beat(Member& member) {
    proto::Heartbeat said;
    said.name = member.name;
    said.unix_ms = scene.now.unix_ms;
    said.peer_timeout_s = 2700;
    said.synced = true;
    said.list_parts = 1;
    said.site = "nyc";
    proto::MemberEntry entry;
    entry.id = kHere;
    entry.incarnation = static_cast<uint64_t>(kUnixMs) << 16;
    entry.endpoint = common::make_endpoint_v4(0x0a000009, 6970);
    entry.heard_ago_ms = member.hears_ago_ms;
    entry.loss_permille = member.loss_permille;
    said.members.push_back(entry);
    scene.cluster.receive(scene.now, {member.peer.from, std::nullopt, *member.peer.control(said)}, scene.out);
  }

  // Where a delta published now is sent to.
  Addresses reached() {
    proto::OwnDelta own;
    own.delta.peer = common::make_endpoint_v4(0xcb007101, 6881);
    scene.out = {};
    scene.cluster.publish(scene.now, {&own, 1}, scene.out);
    run_ms(100);
    Addresses to;
    for (const sync::Send& send : scene.out.sends) {
      if (proto::parse_sync_header(*send.bytes)->stream == proto::SyncStream::deltas) to.push_back(send.to);
    }
    std::sort(to.begin(), to.end());
    return to;
  }

  Member& forwarder() {
    for (const sync::MemberStatus& status : scene.cluster.status(scene.now).members) {
      for (Member& member : members) {
        if (status.forwards && status.name == member.name) return member;
      }
    }
    FAIL("none passes on");
    return members[0];
  }

  Member& another() { return &forwarder() == &members[0] ? members[1] : members[0]; }

  Addresses forwarder_and(const Member& member) {
    Addresses out{forwarder().peer.from, member.peer.from};
    std::sort(out.begin(), out.end());
    return out;
  }

  Scene scene;
  std::deque<Member> members;  // they do not move
  int steps = 0;
};

TEST_CASE("sites: a member that was down and is back in the same run is sent to directly at first") {
  Elsewhere elsewhere;
  Elsewhere::Member& silent = elsewhere.another();
  silent.speaks = false;
  elsewhere.run_ms(9'000);
  REQUIRE(elsewhere.reached() == Addresses{elsewhere.forwarder().peer.from});
  REQUIRE(silent.peer.meet(elsewhere.scene.cluster, elsewhere.scene.now, elsewhere.scene.out));
  silent.speaks = true;
  elsewhere.run_ms(1'000);
  for (int i = 0; i < 30; ++i) REQUIRE(elsewhere.reached() == elsewhere.forwarder_and(silent));
  elsewhere.run_ms(2'500);
  CHECK(elsewhere.reached() == Addresses{elsewhere.forwarder().peer.from});
}

TEST_CASE("sites: who does not hear this node does not pass on for it") {
  Elsewhere elsewhere;
  Elsewhere::Member& deaf = elsewhere.forwarder();
  // Two heartbeats that were lost are no reason.
  deaf.hears_ago_ms = 1'200;
  elsewhere.run_ms(1'500);
  CHECK(&elsewhere.forwarder() == &deaf);
  deaf.hears_ago_ms = 1'300;
  // Its heartbeat, the one that names another, and the one after that.
  elsewhere.run_ms(2'000);
  CHECK(&elsewhere.forwarder() != &deaf);
  CHECK(elsewhere.reached() == Addresses{elsewhere.forwarder().peer.from});
}

TEST_CASE("sites: who had to ask for a quarter of the packets is sent to directly") {
  Elsewhere elsewhere;
  Elsewhere::Member& served = elsewhere.another();
  served.loss_permille = sync::Sites::kDirectFromPermille - 1;
  elsewhere.run_ms(1'500);
  CHECK(elsewhere.reached() == Addresses{elsewhere.forwarder().peer.from});
  served.loss_permille = 250;
  elsewhere.run_ms(1'500);
  CHECK(elsewhere.reached() == elsewhere.forwarder_and(served));
  // For two minutes, and no longer than it takes.
  served.loss_permille = 0;
  elsewhere.run_ms(117'000);
  CHECK(elsewhere.reached() == elsewhere.forwarder_and(served));
  elsewhere.run_ms(5'000);
  CHECK(elsewhere.reached() == Addresses{elsewhere.forwarder().peer.from});
}

}  // namespace
