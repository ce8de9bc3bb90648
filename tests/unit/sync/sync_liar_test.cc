// What a member with a valid key can cost by what it sends.

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "sync/cluster.h"
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

sync::Config config() {
  sync::Config out;
  out.name = "here";
  out.cluster = "test";
  out.keys = {the_key()};
  out.incarnation = static_cast<uint64_t>(kUnixMs) << 16;
  return out;
}

test::SyncPeer peer_of(const std::string& name, uint32_t number) {
  return {{the_key()},
          "test",
          name,
          static_cast<uint64_t>(kUnixMs) << 16,
          common::make_endpoint_v4(0x0a000000 + number, 6970)};
}

struct Scene {
  sync::Now now{1'000'000, kUnixMs};
  test::NoSwarms swarms;
  sync::Cluster cluster{config(), swarms, now};
  sync::Outputs out;

  void meet(test::SyncPeer& peer) { REQUIRE(peer.meet(cluster, now, out)); }

  void receive(test::SyncPeer& from, const proto::SyncPacket& packet) {
    cluster.receive(now, {from.from, std::nullopt, *from.control(packet)}, out);
  }

  proto::Heartbeat heartbeat(const std::string& name) const {
    proto::Heartbeat made;
    made.name = name;
    made.unix_ms = now.unix_ms;
    made.peer_timeout_s = 2700;
    made.synced = true;
    made.list_parts = 1;
    return made;
  }

  void pass(int64_t us) {
    for (const int64_t end_us = now.mono_us + us; now.mono_us < end_us;) {
      const int64_t at_us = std::clamp(cluster.deadline_us(), now.mono_us + 1, end_us);
      now.unix_ms += (at_us - now.mono_us) / 1000;
      now.mono_us = at_us;
      cluster.advance(now, out);
    }
  }
};

size_t sent_to(const sync::Outputs& out, const common::Endpoint& to) {
  return static_cast<size_t>(std::count_if(out.sends.begin(), out.sends.end(),
                                           [&](const sync::Send& send) { return send.to == to; }));
}

}  // namespace

TEST_CASE("liar: a donor that trickles loses the pull to another within seconds") {
  Scene scene;
  test::SyncPeer b = peer_of("b", 2);
  test::SyncPeer c = peer_of("c", 3);
  scene.meet(b);
  scene.meet(c);
  std::vector<sync::PullStart> pulls;
  size_t bytes = 0;
  for (int i = 0; i < 60 && pulls.size() < 2; ++i) {
    scene.receive(b, scene.heartbeat("b"));
    scene.receive(c, scene.heartbeat("c"));
    scene.pass(500'000);
    pulls.insert(pulls.end(), scene.out.pulls.begin(), scene.out.pulls.end());
    scene.out.pulls.clear();
    if (pulls.empty()) continue;
    // A frame of 64 KiB, byte by byte.
    const std::vector<uint8_t> byte{static_cast<uint8_t>(bytes++ == 1 ? 1 : 0)};
    scene.cluster.pull_received(scene.now, pulls[0].pull, byte, scene.out);
  }
  REQUIRE(pulls.size() == 2);
  CHECK(pulls[0].to != pulls[1].to);
  CHECK(scene.out.pull_aborts == std::vector<uint64_t>{pulls[0].pull});
}

TEST_CASE("liar: a donor that always breaks off after a byte does not keep a node from serving") {
  Scene scene;
  test::SyncPeer liar = peer_of("liar", 2);
  scene.meet(liar);
  const auto phase = [&] { return scene.cluster.status(scene.now).phase; };
  size_t pulls = 0;
  for (int i = 0; i < 180 && phase() != sync::SyncPhase::synced; ++i) {
    scene.receive(liar, scene.heartbeat("liar"));
    scene.pass(500'000);
    for (const sync::PullStart& pull : std::exchange(scene.out.pulls, {})) {
      ++pulls;
      const std::vector<uint8_t> byte{0};
      scene.cluster.pull_received(scene.now, pull.pull, byte, scene.out);
      scene.cluster.pull_closed(scene.now, pull.pull, "", scene.out);
    }
  }
  CHECK(pulls > 1);
  CHECK(phase() == sync::SyncPhase::synced);
}

TEST_CASE("liar: addresses that it names are not all greeted at once") {
  Scene scene;
  test::SyncPeer liar = peer_of("liar", 2);
  scene.meet(liar);
  scene.receive(liar, scene.heartbeat("liar"));
  scene.out.sends.clear();
  for (uint32_t i = 0; i < 20; ++i) {
    proto::Heartbeat heartbeat = scene.heartbeat("liar");
    for (uint32_t k = 0; k < proto::kSyncMembersMax; ++k) {
      proto::MemberEntry entry;
      entry.id = 1000 + i * 64 + k;
      entry.incarnation = 1;
      entry.endpoint = common::make_endpoint_v4(0xcb000000 + i * 64 + k, 53);
      heartbeat.members.push_back(entry);
    }
    scene.receive(liar, heartbeat);
  }
  CHECK(scene.out.sends.size() - sent_to(scene.out, liar.from) <= proto::kSyncMembersMax);
}

TEST_CASE("liar: one that says again and again that it leaves is answered now and then") {
  Scene scene;
  test::SyncPeer liar = peer_of("liar", 2);
  scene.meet(liar);
  scene.out.sends.clear();
  for (int i = 0; i < 100; ++i) {
    scene.now.mono_us += 10;
    scene.receive(liar, proto::Leave{0});
  }
  CHECK(scene.out.sends.size() <= 1);
  scene.now.mono_us += 50'000;
  scene.out.sends.clear();
  scene.receive(liar, proto::Leave{0});
  CHECK(scene.out.sends.size() == 1);
}
