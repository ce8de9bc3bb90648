// Keys that change while a cluster runs: what is sent and what opens.

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "common/hex.h"
#include "sync/cluster.h"
#include "sync/keys.h"
#include "sync/loss_rate.h"
#include "sync/retransmit_ring.h"
#include "tests/unit/support/no_swarms.h"
#include "tests/unit/support/sync_peer.h"

using namespace shoal;

namespace {

constexpr sync::Now kNow{1'000'000, 1'800'000'000'000};
const common::Endpoint kFrom = common::make_endpoint_v4(0x0a000002, 6970);

sync::ClusterKey key_of(uint8_t byte) {
  sync::ClusterKey key;
  key.fill(byte);
  return key;
}

sync::KeyId sealed_by(const sync::Send& send) { return proto::parse_sync_header(*send.bytes)->key_id; }

bool logged(const sync::Outputs& out, const std::string& part) {
  return std::any_of(out.logs.begin(), out.logs.end(), [&](const sync::LogEvent& event) {
    return event.message.find(part) != std::string::npos;
  });
}

// A cluster with one member that holds keys 1 and 2.
struct Fixture {
  test::NoSwarms swarms;
  sync::Config config;
  std::unique_ptr<sync::Cluster> cluster;
  test::SyncPeer there{{key_of(1), key_of(2)}, "test", "there", 99, kFrom};
  sync::Now now = kNow;

  Fixture() {
    config.name = "here";
    config.cluster = "test";
    config.keys = {key_of(1)};
    config.incarnation = 77;
    cluster = std::make_unique<sync::Cluster>(config, swarms, now);
    sync::Outputs out;
    REQUIRE(there.meet(*cluster, now, out));
  }

  // Runs on in steps, as a loop does.
  sync::Outputs run(int64_t us) {
    sync::Outputs out;
    for (const int64_t end_us = now.mono_us + us; now.mono_us < end_us;) {
      now.mono_us = std::min(end_us, cluster->deadline_us());
      cluster->advance(now, out);
    }
    return out;
  }

  sync::Send publish(uint16_t port) {
    proto::OwnDelta own;
    own.delta.peer = common::make_endpoint_v4(1, port);
    sync::Outputs out;
    cluster->publish(now, {&own, 1}, out);
    for (const sync::Send& send : run(60'000).sends) {
      if (proto::parse_sync_header(*send.bytes)->stream == proto::SyncStream::deltas) return send;
    }
    FAIL("no delta packet");
    return {};
  }

  std::vector<sync::Send> ask(std::vector<proto::SequenceRange> ranges) {
    sync::Outputs out;
    const auto nack = there.control(proto::Nack{config.incarnation, std::move(ranges)});
    cluster->receive(now, {kFrom, std::nullopt, *nack}, out);
    return out.sends;
  }

  sync::Outputs set_keys(const std::vector<sync::ClusterKey>& keys) {
    sync::Outputs out;
    cluster->set_keys(now, keys, out);
    return out;
  }
};

}  // namespace

TEST_CASE("sync keys: the first seals, sequences continue, and kept packets are sealed again") {
  Fixture f;
  const sync::KeyId one = sync::KeyRing({key_of(1)}, "test").sealing().id;
  const sync::KeyId two = sync::KeyRing({key_of(2)}, "test").sealing().id;
  const sync::Send before = f.publish(1);
  CHECK(sealed_by(before) == one);
  f.set_keys({key_of(1), key_of(2)});
  CHECK(*f.ask({{1, 1}})[0].bytes == *before.bytes);  // nothing is touched without need
  f.set_keys({key_of(2), key_of(1)});
  const sync::Send after = f.publish(2);
  CHECK(sealed_by(after) == two);
  CHECK(proto::parse_sync_header(*after.bytes)->sequence == 2);

  const auto again = f.ask({{1, 2}});
  REQUIRE(again.size() == 2);
  CHECK(sealed_by(again[0]) == two);
  CHECK(f.there.read(again[0]) == f.there.read(before));
  CHECK(*again[1].bytes == *after.bytes);
  // Changing keys back and forth gives the same packet: no key ever seals two bodies under one nonce.
  f.set_keys({key_of(1)});
  f.run(100'000);
  CHECK(*f.ask({{1, 1}})[0].bytes == *before.bytes);
}

TEST_CASE("sync keys: a removed key opens nothing") {
  Fixture f;
  f.set_keys({key_of(2)});
  sync::Outputs out;
  f.cluster->receive(f.now, {kFrom, std::nullopt, *f.there.control(proto::Leave{0})}, out);
  CHECK(f.cluster->status(f.now).stats.dropped_unauthentic == 1);
  const std::string one = common::to_hex(sync::KeyRing({key_of(1)}, "test").sealing().id);
  const std::string two = common::to_hex(sync::KeyRing({key_of(2)}, "test").sealing().id);
  // Also who it says it is: with sites another node may have passed it on.
  const std::string there = common::node_id_text(sync::node_id("test", "there"));
  CHECK(
      logged(out, "sealed by key " + one + ", and this node holds " + two + ". They name node id " + there));
}

TEST_CASE("sync keys: heartbeats list the keys held, and a member that lacks the sealing one is named") {
  Fixture f;
  sync::Outputs out = f.set_keys({key_of(3), key_of(1)});
  CHECK(!logged(out, "does not hold"));  // nobody has listed its keys
  out = f.run(100'000);
  const auto told = test::SyncPeer({key_of(3)}, "test", "x", 1, kFrom).all<proto::Heartbeat>(out.sends);
  REQUIRE(!told.empty());
  CHECK(told[0].key_ids == sync::KeyRing({key_of(3), key_of(1)}, "test").ids());

  proto::Heartbeat heartbeat;
  heartbeat.name = "there";
  heartbeat.peer_timeout_s = 2700;
  heartbeat.key_ids = f.there.keys.ids();
  f.cluster->receive(f.now, {kFrom, std::nullopt, *f.there.control(heartbeat)}, out);
  CHECK(logged(out, "member there does not hold key " + common::to_hex(told[0].key_ids[0])));
  CHECK(f.cluster->status(f.now).members[0].key_ids == f.there.keys.ids());
}

TEST_CASE("sync keys: as text") {
  CHECK(sync::to_text({}) == "");
  CHECK(sync::to_text({{0x1f, 0x2e, 0x3d, 0x4c}, {0, 1, 2, 0xff}}) == "1f2e3d4c, 000102ff");
}

TEST_CASE("loss rate: follows the loss, and forgets it") {
  sync::LossRate loss;
  CHECK(loss.permille() == 0);
  uint64_t packets = 0, late = 0;
  for (int i = 0; i < 100; ++i) loss.sample(packets += 50, late += 5);
  CHECK(loss.permille() >= 95);
  CHECK(loss.permille() <= 105);
  for (int i = 0; i < 100; ++i) loss.sample(packets += 50, late);
  CHECK(loss.permille() < 5);
  for (int i = 0; i < 200; ++i) loss.sample(packets += 1, late += 1);
  CHECK(loss.permille() > 950);
  for (int i = 0; i < 1000; ++i) loss.sample(packets, late);
  CHECK(loss.permille() == 0);
}
