// Cluster against hostile datagrams: whatever arrives, nothing is applied, nothing is answered, and the right
// counter moves.

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

#include "common/prng.h"
#include "proto/sync_packet.h"
#include "sync/cluster.h"
#include "sync/keys.h"
#include "sync/replay_window.h"
#include "sync/seal.h"
#include "tests/unit/support/no_swarms.h"
#include "tests/unit/support/sync_peer.h"

using namespace shoal;

namespace {

constexpr int64_t kUnixMs = 1'800'000'000'000;
constexpr sync::Now kNow{1'000'000, kUnixMs};
const common::Endpoint kFrom = common::make_endpoint_v4(0x0a000002, 6970);

sync::ClusterKey key_of(uint8_t byte) {
  sync::ClusterKey key;
  key.fill(byte);
  return key;
}

sync::Config config_of(const std::string& name) {
  sync::Config config;
  config.name = name;
  config.cluster = "test";
  config.keys = {key_of(1)};
  config.incarnation = static_cast<uint64_t>(kUnixMs) << 16;
  return config;
}

// One cluster under test, and the means to seal packets of another node.
struct Fixture {
  test::NoSwarms swarms;
  sync::Cluster cluster{config_of("here"), swarms, kNow};
  uint64_t incarnation = static_cast<uint64_t>(kUnixMs) << 16;
  test::SyncPeer there{{key_of(1)}, "test", "there", incarnation, kFrom};
  sync::KeyRing& keys = there.keys;
  sync::Sealer& sealer = there.sealer;

  sync::Outputs meet(sync::Now now = kNow) {
    sync::Outputs out;
    REQUIRE(there.meet(cluster, now, out));
    out.sends.clear();
    return out;
  }

  // Lets time pass in which nothing is heard.
  void pass(sync::Now& now, int64_t us) {
    sync::Outputs out;
    for (const int64_t end_us = now.mono_us + us; now.mono_us < end_us;) {
      now.mono_us = std::clamp(cluster.deadline_us(), now.mono_us + 1, end_us);
      cluster.advance(now, out);
    }
  }

  sync::Outputs receive(const std::vector<uint8_t>& bytes, sync::Now now = kNow) {
    sync::Outputs out;
    cluster.receive(now, {kFrom, std::nullopt, bytes}, out);
    return out;
  }
  sync::Outputs receive(const sync::SealedPacket& packet) { return receive(*packet); }
  sync::Stats stats() { return cluster.status(kNow).stats; }
};

std::vector<uint8_t> delta_body() {
  proto::Delta delta;
  delta.info_hash.bytes.fill(3);
  delta.peer = common::make_endpoint_v4(0xcb007101, 6881);
  return proto::encode_sync_packet(proto::DeltaBatch{2700, {delta}});
}

std::vector<uint8_t> heartbeat_body(const std::string& name) {
  proto::Heartbeat heartbeat;
  heartbeat.name = name;
  heartbeat.unix_ms = kUnixMs;
  heartbeat.peer_timeout_s = 2700;
  return proto::encode_sync_packet(heartbeat);
}

uint64_t dropped(const sync::Stats& stats) {
  return stats.dropped_malformed + stats.dropped_foreign + stats.dropped_unauthentic +
         stats.dropped_replayed + stats.dropped_stale + stats.dropped_refused + stats.dropped_untrusted;
}

}  // namespace

TEST_CASE("sync cluster: a packet with any one bit wrong is dropped unanswered") {
  Fixture f;
  const auto good = f.sealer.seal(proto::SyncStream::deltas, delta_body());
  for (size_t at = 0; at < good->size(); ++at) {
    for (const uint8_t flip : {0x01, 0x80, 0xff}) {
      std::vector<uint8_t> forged = *good;
      forged[at] ^= flip;
      const uint64_t before = dropped(f.stats());
      REQUIRE(f.receive(forged).sends.empty());
      REQUIRE(dropped(f.stats()) == before + 1);
    }
  }
  CHECK(f.swarms.merged == 0);
  CHECK(f.cluster.status(kNow).members.empty());
  CHECK(f.receive(good).sends.size() == 1);  // challenged
  CHECK(f.swarms.merged == 0);
  f.meet({kNow.mono_us + 200'000, kUnixMs + 200});
  CHECK(f.receive(good).sends.empty());
  CHECK(f.swarms.merged == 1);
}

TEST_CASE("sync cluster: truncated, extended and random datagrams are dropped unanswered") {
  Fixture f;
  const auto good = f.sealer.seal(proto::SyncStream::deltas, delta_body());
  for (size_t size = 0; size < 1400; ++size) {
    if (size == good->size()) continue;
    std::vector<uint8_t> cut = *good;
    cut.resize(size);
    REQUIRE(f.receive(cut).sends.empty());
    REQUIRE(dropped(f.stats()) == f.stats().datagrams_received);
  }
  common::Prng prng(1);
  for (int i = 0; i < 2000; ++i) {
    std::vector<uint8_t> noise(prng.below(1300));
    for (uint8_t& byte : noise) byte = static_cast<uint8_t>(prng.next());
    REQUIRE(f.receive(noise).sends.empty());
  }
  CHECK(dropped(f.stats()) == f.stats().datagrams_received);
  CHECK(f.swarms.merged == 0);
}

TEST_CASE("sync cluster: a packet is accepted once, and old ones not at all") {
  Fixture f;
  f.meet();
  const uint64_t before = f.stats().dropped_untrusted;
  CHECK(before == 1);
  const auto first = f.sealer.seal(proto::SyncStream::deltas, delta_body());
  f.receive(first);
  for (int i = 0; i < 5; ++i) CHECK(f.receive(first).sends.empty());
  CHECK(f.stats().dropped_replayed == 5);
  const auto late = f.sealer.seal(proto::SyncStream::deltas, delta_body());
  const int packets = sync::ReplayWindow::kDeltaWidth;
  for (int i = 0; i < packets; ++i) f.receive(f.sealer.seal(proto::SyncStream::deltas, delta_body()));
  f.receive(late);
  CHECK(f.stats().dropped_replayed == 6);
  CHECK(f.swarms.merged == packets + 1);
  CHECK(f.cluster.status(kNow).members[0].lost == 1);
}

TEST_CASE("sync cluster: a pull request in a datagram is dropped") {
  Fixture f;
  f.meet();
  CHECK(f.receive(f.sealer.seal(proto::SyncStream::requests, heartbeat_body("there"))).sends.empty());
  CHECK(f.stats().dropped_malformed == 1);
}

TEST_CASE("sync cluster: other clusters, other keys, other versions") {
  Fixture f;
  const uint64_t there = sync::node_id("test", "there");
  const sync::KeyRing other_key({key_of(2)}, "test");
  sync::Sealer wrong_key(other_key, sync::cluster_tag("test"), there, f.incarnation);
  sync::Outputs out = f.receive(wrong_key.seal(proto::SyncStream::deltas, delta_body()));
  CHECK(f.stats().dropped_unauthentic == 1);
  REQUIRE(out.logs.size() == 1);
  CHECK(out.logs[0].message.find("no key opens") != std::string::npos);
  CHECK(f.receive(wrong_key.seal(proto::SyncStream::deltas, delta_body())).logs.empty());  // once a minute

  sync::Sealer other_cluster(f.keys, sync::cluster_tag("other"), there, f.incarnation);
  CHECK(f.receive(other_cluster.seal(proto::SyncStream::deltas, delta_body())).logs.size() == 1);
  CHECK(f.stats().dropped_foreign == 1);

  // The same key file, by mistake, in a cluster of another name that claims our tag.
  const sync::KeyRing same_secret({key_of(1)}, "other");
  sync::Sealer cross(same_secret, sync::cluster_tag("test"), there, f.incarnation);
  f.receive(cross.seal(proto::SyncStream::deltas, delta_body()));
  CHECK(f.stats().dropped_unauthentic == 3);

  std::vector<uint8_t> later = *f.sealer.seal(proto::SyncStream::deltas, delta_body());
  later[3] = 2;
  CHECK(f.receive(later).logs.size() == 1);
  CHECK(f.stats().dropped_foreign == 2);
  CHECK(f.swarms.merged == 0);
}

TEST_CASE("sync cluster: every key of the ring opens, the first seals") {
  test::NoSwarms swarms;
  sync::Config config = config_of("here");
  config.keys = {key_of(1), key_of(2)};
  sync::Cluster cluster(config, swarms, kNow);
  test::SyncPeer there({key_of(2), key_of(1)}, "test", "there", config.incarnation, kFrom);
  sync::Outputs out;
  REQUIRE(there.meet(cluster, kNow, out));
  const auto packet = there.sealer.seal(proto::SyncStream::deltas, delta_body());
  cluster.receive(kNow, {kFrom, std::nullopt, *packet}, out);
  CHECK(swarms.merged == 1);
  REQUIRE(!out.sends.empty());
  const auto header = proto::parse_sync_header(*out.sends[0].bytes);
  CHECK(header->key_id == sync::KeyRing({key_of(1)}, "test").sealing().id);
}

TEST_CASE("sync cluster: an insecure cluster accepts its own packets and none sealed with a key") {
  test::NoSwarms swarms;
  sync::Config config = config_of("here");
  config.keys.clear();
  config.insecure = true;
  sync::Cluster cluster(config, swarms, kNow);
  test::SyncPeer there({sync::insecure_key("test")}, "test", "there", config.incarnation, kFrom);
  sync::Outputs out;
  REQUIRE(there.meet(cluster, kNow, out));
  cluster.receive(kNow, {kFrom, std::nullopt, *there.sealer.seal(proto::SyncStream::deltas, delta_body())},
                  out);
  CHECK(swarms.merged == 1);
  Fixture keyed;
  cluster.receive(kNow, {kFrom, std::nullopt, *keyed.sealer.seal(proto::SyncStream::deltas, delta_body())},
                  out);
  CHECK(swarms.merged == 1);
}

TEST_CASE("sync cluster: another run takes the place of one that is silent, whichever number is higher") {
  Fixture f;
  sync::Now now = kNow;
  const auto run = [](int64_t unix_ms) {
    return test::SyncPeer({key_of(1)}, "test", "there", static_cast<uint64_t>(unix_ms) << 16, kFrom);
  };
  const auto meets = [&](test::SyncPeer& peer) {
    sync::Outputs out;
    return peer.meet(f.cluster, now, out, 0);
  };
  // It answers every challenge, as a node that runs does.
  const auto meets_within = [&](test::SyncPeer& peer, int64_t us) {
    sync::Outputs out;
    const auto hears = [&](const proto::SyncPacket& packet) {
      f.cluster.receive(now, {kFrom, std::nullopt, *peer.control(packet)}, out);
    };
    for (const int64_t end_us = now.mono_us + us; now.mono_us < end_us;) {
      hears(proto::Nack{f.incarnation, {{1, 1}}});
      now.mono_us = std::clamp(f.cluster.deadline_us(), now.mono_us + 1, now.mono_us + 10'000);
      f.cluster.advance(now, out);
      for (const auto& challenge : peer.all<proto::Challenge>(std::exchange(out.sends, {}))) {
        if (challenge.incarnation == peer.incarnation) hears(proto::ChallengeEcho{challenge.nonce, 0, 0});
      }
      for (const sync::MemberStatus& member : f.cluster.status(now).members) {
        if (member.incarnation == peer.incarnation) return true;
      }
    }
    return false;
  };
  test::SyncPeer first = run(kUnixMs - 5000);
  test::SyncPeer second = run(kUnixMs);
  test::SyncPeer future = run(kUnixMs + 10'000'000);
  test::SyncPeer back = run(kUnixMs + 1);
  CHECK(meets(first));
  CHECK(!meets(second));  // the first one may still run
  CHECK(meets_within(second, 3'000'000));
  f.receive(*first.control(proto::Leave{0}), now);  // late
  CHECK(f.cluster.status(now).stats.dropped_stale == 1);
  CHECK(f.receive(*second.control(proto::Leave{0}), now).logs.size() ==
        1);  // it left: its next run is taken at once
  CHECK(meets(future));
  f.pass(now, 3'000'000);
  CHECK(meets_within(back, 3'000'000));  // its clock was set back
  CHECK(f.cluster.status(now).members.size() == 1);
}

TEST_CASE("sync cluster: a node that does not echo the challenge is not let in") {
  Fixture f;
  std::vector<sync::SealedPacket> recorded;
  for (int i = 0; i < 20; ++i) recorded.push_back(f.sealer.seal(proto::SyncStream::deltas, delta_body()));
  recorded.push_back(f.sealer.seal(proto::SyncStream::control, heartbeat_body("there")));
  recorded.push_back(f.there.control(proto::Challenge{f.incarnation, {1, 2, 3}}));
  recorded.push_back(f.there.control(proto::ChallengeEcho{{1, 2, 3}, 0, 0}));
  size_t sends = 0;
  sync::Now now = kNow;
  for (int second = 0; second < 20; ++second) {
    for (const auto& packet : recorded) sends += f.receive(*packet, now).sends.size();
    now.mono_us += 1'000'000;
  }
  CHECK(f.swarms.merged == 0);
  CHECK(f.cluster.status(now).members.empty());
  CHECK(sends <= 2 * 20);  // a challenge and an echo a second, however much is replayed
  CHECK(f.stats().dropped_untrusted == recorded.size() * 20);
}

TEST_CASE("sync cluster: packets that arrived before trust are requested afterwards") {
  Fixture f;
  std::vector<sync::SealedPacket> early;
  for (int i = 0; i < 5; ++i) early.push_back(f.sealer.seal(proto::SyncStream::deltas, delta_body()));
  f.receive(early[3]);
  f.receive(early[2]);
  sync::Now now = kNow;
  now.mono_us += 200'000;
  f.meet(now);
  f.receive(early[4]);
  now.mono_us += 100'000;
  sync::Outputs out;
  f.cluster.advance(now, out);
  const auto nacks = f.there.all<proto::Nack>(out.sends);
  REQUIRE(nacks.size() == 1);
  CHECK(nacks[0].ranges == std::vector<proto::SequenceRange>{{3, 4}});
  f.receive(early[2]);
  f.receive(early[3]);
  CHECK(f.swarms.merged == 3);
  CHECK(f.cluster.status(now).members[0].missing == 0);
}

TEST_CASE(
    "sync cluster: an echo on the delta stream of a member that was silent proves nothing, and ends "
    "nothing") {
  Fixture f;
  f.meet();
  sync::Now now = kNow;
  f.pass(now, 8'000'000);
  const auto challenges =
      f.there.all<proto::Challenge>(f.receive(*f.there.control(proto::Leave{0}), now).sends);
  REQUIRE(challenges.size() == 1);
  f.sealer.seal(proto::SyncStream::deltas, delta_body());
  const auto echo = f.sealer.seal(
      proto::SyncStream::deltas,
      proto::encode_sync_packet(proto::ChallengeEcho{challenges[0].nonce, 2, 1'000'000, kUnixMs}));
  const uint64_t before = f.cluster.status(now).stats.dropped_untrusted;
  f.receive(*echo, now);
  CHECK(f.cluster.status(now).stats.dropped_untrusted == before + 1);
  CHECK(f.cluster.status(now).members[0].state == sync::MemberState::down);
}

TEST_CASE("sync cluster: what a stranger's delta packet says is not read") {
  Fixture f;
  const std::vector<uint8_t> nonsense(100, 0xff);
  CHECK(f.receive(f.sealer.seal(proto::SyncStream::deltas, nonsense)).sends.size() == 1);  // challenged
  CHECK(f.stats().dropped_untrusted == 1);
  CHECK(f.stats().dropped_malformed == 0);
}

TEST_CASE("sync cluster: nothing but challenges goes to an advertised address that has not answered one") {
  Fixture f;
  f.meet();
  const common::Endpoint victim = common::make_endpoint_v4(0xc6336401, 53);
  sync::Now now = kNow;
  proto::Heartbeat heartbeat{"there", kUnixMs, 0, 2700, {}, 0, 1, {}};
  heartbeat.advertise = victim;
  proto::ChallengeNonce nonce{};
  size_t challenges = 0;
  size_t reached = 0;
  for (int i = 0; i < 20; ++i) {
    now.mono_us += 500'000;
    sync::Outputs out;
    proto::OwnDelta own;
    own.delta.peer = common::make_endpoint_v4(1, static_cast<uint16_t>(i + 1));
    f.cluster.publish(now, {&own, 1}, out);
    f.cluster.receive(now, {kFrom, std::nullopt, *f.there.control(heartbeat)}, out);
    f.cluster.advance(now, out);
    for (const sync::Send& send : out.sends) {
      if (send.to == kFrom) ++reached;
      if (send.to != victim) continue;
      const auto packet = f.there.read(send);
      REQUIRE(packet);
      const auto* challenge = std::get_if<proto::Challenge>(&*packet);
      REQUIRE(challenge != nullptr);
      nonce = challenge->nonce;
      ++challenges;
    }
  }
  CHECK(reached > 20);  // it is sent to where it is
  CHECK(challenges >= 3);
  CHECK(challenges <= 6);  // less and less often
  CHECK(f.cluster.status(now).members[0].address == kFrom);
}

TEST_CASE("sync cluster: an advertised address is used once a challenge has reached it") {
  Fixture f;
  f.meet();
  const common::Endpoint better = common::make_endpoint_v4(0xc6336401, 6970);
  sync::Now now{kNow.mono_us + 500'000, kUnixMs + 500};
  proto::Heartbeat heartbeat{"there", kUnixMs, 0, 2700, {}, 0, 1, {}};
  heartbeat.advertise = better;
  const auto challenges = f.there.all<proto::Challenge>(f.receive(*f.there.control(heartbeat), now).sends);
  REQUIRE(challenges.size() == 1);
  f.receive(*f.there.control(proto::ChallengeEcho{challenges[0].nonce, 0, 1'000'000, kUnixMs}), now);
  CHECK(f.cluster.status(now).members[0].address == better);
}

TEST_CASE("sync cluster: nonces cannot be told from what a node shows of itself") {
  const auto nonce_of = [](uint64_t seed) {
    test::NoSwarms swarms;
    sync::Config config = config_of("here");
    config.seed = seed;
    sync::Cluster cluster(config, swarms, kNow);
    Fixture f;
    sync::Outputs out;
    cluster.receive(kNow, {kFrom, std::nullopt, *f.there.control(proto::Leave{0})}, out);
    return f.there.all<proto::Challenge>(out.sends).at(0).nonce;
  };
  CHECK(nonce_of(1) != nonce_of(2));
}

TEST_CASE("sync cluster: newcomers are bounded") {
  Fixture f;
  size_t sends = 0;
  for (int i = 0; i < 1000; ++i) {
    test::SyncPeer peer({key_of(1)}, "test", "n" + std::to_string(i), f.incarnation, kFrom);
    sends += f.receive(peer.control(proto::Leave{})).sends.size();
  }
  CHECK(sends == 64);
  CHECK(f.stats().dropped_untrusted == 1000);
  // They make room for a live one.
  f.meet({kNow.mono_us + 2'000'000, kUnixMs + 2000});
}

TEST_CASE("sync cluster: requested packets are sent again unchanged, or reported gone") {
  Fixture f;
  f.meet();
  sync::Now now = kNow;
  std::vector<sync::SealedPacket> sent;
  for (int i = 0; i < 10; ++i) {
    proto::OwnDelta own;
    own.delta.peer = common::make_endpoint_v4(1, static_cast<uint16_t>(i + 1));
    sync::Outputs out;
    f.cluster.publish(now, {&own, 1}, out);
    now.mono_us += 60'000;
    f.cluster.advance(now, out);
    for (const sync::Send& send : out.sends) {
      if (proto::parse_sync_header(*send.bytes)->stream == proto::SyncStream::deltas)
        sent.push_back(send.bytes);
    }
  }
  REQUIRE(sent.size() == 10);
  const auto ask = [&](uint64_t incarnation, std::vector<proto::SequenceRange> ranges) {
    sync::Outputs out;
    const auto packet = f.there.control(proto::Nack{incarnation, std::move(ranges)});
    f.cluster.receive(now, {kFrom, std::nullopt, *packet}, out);
    return out.sends;
  };
  CHECK(ask(f.incarnation + 1, {{1, 5}}).empty());  // of another run
  const auto again = ask(f.incarnation, {{2, 3}, {9, 5000}});
  REQUIRE(again.size() == 4);
  CHECK(*again[0].bytes == *sent[1]);
  CHECK(*again[3].bytes == *sent[9]);
  CHECK(ask(f.incarnation, {{2, 3}}).empty());  // underway
  now.mono_us += 100'000;
  CHECK(ask(f.incarnation, {{2, 3}}).size() == 2);
  f.pass(now, 31'000'000);
  f.meet(now);  // it was silent
  const auto gone = f.there.all<proto::Gone>(ask(f.incarnation, {{1, 4}}));
  REQUIRE(gone.size() == 1);
  CHECK(gone[0].up_to == 10);
}

TEST_CASE("sync cluster: its own packets are ignored") {
  Fixture f;
  f.cluster.set_seeds({kFrom});
  sync::Outputs out;
  f.cluster.advance(kNow, out);
  REQUIRE(f.there.all<proto::Heartbeat>(out.sends).size() == 1);
  REQUIRE(f.there.all<proto::Challenge>(out.sends).size() == 1);  // to itself: it may be its own address
  for (const sync::Send& send : out.sends) {
    const sync::Outputs looped = f.receive(*send.bytes);
    CHECK(looped.sends.empty());
    CHECK(looped.logs.empty());
  }
  CHECK(dropped(f.stats()) == 0);
  CHECK(f.cluster.status(kNow).members.empty());
}

TEST_CASE("sync cluster: members and contacts are bounded") {
  Fixture f;
  sync::Now now = kNow;
  for (int i = 0; i < 400; ++i) {
    now.mono_us += 5'000;
    test::SyncPeer peer({key_of(1)}, "test", "n" + std::to_string(i), f.incarnation,
                        common::make_endpoint_v4(static_cast<uint32_t>(i + 1), 6970));
    sync::Outputs out;
    CHECK(peer.meet(f.cluster, now, out) == (i < 256));
  }
  CHECK(f.cluster.status(kNow).members.size() == 256);
  CHECK(f.stats().dropped_refused == 144);
  // Down members make room for new ones.
  sync::Now later = now;
  f.pass(later, 60'000'000);
  test::SyncPeer fresh({key_of(1)}, "test", "new", f.incarnation, kFrom);
  sync::Outputs met;
  REQUIRE(fresh.meet(f.cluster, later, met));
  CHECK(f.cluster.status(later).members.size() == 256);

  for (uint32_t i = 0; i < 40; ++i) {
    proto::Heartbeat heartbeat{"new", kUnixMs, 0, 2700, {}, 0, 1, {}};
    for (uint32_t j = 0; j < 16; ++j) {
      heartbeat.members.push_back(
          {i * 16 + j, 1, common::make_endpoint_v4(0x0b000000 + i * 16 + j, 1), 0, 0, false, 0});
    }
    f.receive(*fresh.control(heartbeat), later);
  }
  sync::Outputs out;
  later.mono_us = f.cluster.deadline_us();
  f.cluster.advance(later, out);
  CHECK(out.sends.size() > 256);
  CHECK(out.sends.size() <= 512);
}

TEST_CASE("sync cluster: published deltas are batched, sent once, and only to members") {
  Fixture f;
  proto::OwnDelta own;
  own.delta.peer = common::make_endpoint_v4(1, 1);
  sync::Outputs out;
  f.cluster.publish(kNow, {&own, 1}, out);
  f.cluster.advance({kNow.mono_us + 50'000, kUnixMs + 50}, out);
  CHECK(out.sends.empty());  // nobody is there
  CHECK(f.stats().dropped_alone == 1);
  f.meet();
  f.receive(f.sealer.seal(proto::SyncStream::control, heartbeat_body("there")));
  for (int i = 0; i < 3; ++i) f.cluster.publish(kNow, {&own, 1}, out);
  CHECK(out.sends.empty());
  CHECK(f.cluster.deadline_us() == kNow.mono_us + 50'000);
  f.cluster.advance({kNow.mono_us + 50'000, kUnixMs + 50}, out);
  REQUIRE(out.sends.size() == 1);
  CHECK(out.sends[0].to == kFrom);
  const auto header = proto::parse_sync_header(*out.sends[0].bytes);
  CHECK(header->sequence == 1);
  const auto body = sync::open_sealed(f.keys, *header, *out.sends[0].bytes);
  CHECK(std::get<proto::DeltaBatch>(*proto::decode_sync_packet(*body)).deltas.size() == 1);
  CHECK(f.stats().deltas_published == 4);
}

TEST_CASE("sync cluster: bytes of a name that are not printable ASCII become question marks") {
  test::NoSwarms swarms;
  sync::Config config = config_of("b\xc3\xbcro\n" + std::string(300, 'x'));
  sync::Cluster cluster(config, swarms, kNow);
  cluster.set_seeds({kFrom});
  sync::Outputs out;
  cluster.advance(kNow, out);
  Fixture f;
  test::SyncPeer odd({key_of(1)}, "test", config.name, config.incarnation, kFrom);
  sync::Outputs met;
  REQUIRE(odd.meet(f.cluster, kNow, met));
  // The packet of the real node, which has a later sequence.
  for (int i = 0; i < 3; ++i) cluster.advance({kNow.mono_us + (i + 1) * 600'000, kUnixMs}, out);
  for (const sync::Send& send : out.sends) f.receive(*send.bytes);
  REQUIRE(f.cluster.status(kNow).members.size() == 1);
  CHECK(f.cluster.status(kNow).members[0].name == "b??ro?" + std::string(249, 'x'));
}

TEST_CASE("sync cluster: how long deltas were underway is reported, by member and in total") {
  Fixture f;
  sync::Outputs out;
  REQUIRE(f.there.meet(f.cluster, kNow, out, 0));  // younger than we are: our time counts
  proto::Delta delta;
  delta.info_hash.bytes.fill(3);
  delta.peer = common::make_endpoint_v4(0xcb007101, 6881);
  const auto send = [&](int64_t sent_unix_ms) {
    const proto::DeltaBatch batch{2700, {delta, delta}, sent_unix_ms};
    f.receive(f.sealer.seal(proto::SyncStream::deltas, proto::encode_sync_packet(batch)));
  };
  const int64_t cluster_ms = kNow.mono_us / 1000 + f.cluster.time_offset_ms();
  send(0);  // a node that does not tell
  CHECK(f.stats().lag.sum_ms == 0);
  send(cluster_ms - 80);
  send(cluster_ms + 5);  // its clock is ahead of ours
  send(cluster_ms - 40'000);
  send(cluster_ms - 70'000);  // its stamps cannot be relied on: not taken
  send(cluster_ms + 40'000);
  CHECK(f.stats().dropped_late == 2);
  const sync::Status status = f.cluster.status(kNow);
  const auto& counts = status.stats.lag.counts;
  CHECK(counts.front() == 2);
  CHECK(counts[6] == 2);  // 51 to 100 ms
  CHECK(counts.back() == 2);
  CHECK(status.stats.lag.sum_ms == 2 * 40'080);
  REQUIRE(status.members.size() == 1);
  CHECK(status.members[0].lag_us > 40'000'000 / 8 - 1'000'000);
  CHECK(status.members[0].lag_us < 40'000'000 / 8 + 1'000'000);
  CHECK(status.members[0].bytes_received > 0);
}
