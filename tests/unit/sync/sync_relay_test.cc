// Messages between web peers of two nodes, and which records of web peers a node takes.

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "common/prng.h"
#include "common/web_address.h"
#include "proto/sync_packet.h"
#include "sync/relays.h"
#include "tests/unit/support/sync_link.h"

using namespace shoal;
using test::End;
using test::kUnixMs;
using test::Link;

namespace {

constexpr uint64_t kRun = static_cast<uint64_t>(kUnixMs) << 16;  // of both ends
const sync::KeyRing kKeys({sync::insecure_key("test")}, "test");

std::vector<uint8_t> message_of(size_t size, uint64_t seed = 1) {
  common::Prng prng(seed);
  std::vector<uint8_t> message(size);
  for (uint8_t& byte : message) byte = static_cast<uint8_t>(prng.next());
  return message;
}

proto::SyncPacket opened(const sync::SealedPacket& datagram) {
  const auto header = proto::parse_sync_header(*datagram);
  const auto body = sync::open_sealed(kKeys, *header, *datagram);
  REQUIRE(body);
  const auto packet = proto::decode_sync_packet(*body);
  return packet ? *packet : proto::SyncPacket{};
}

bool is_relay(const sync::SealedPacket& datagram) {
  return std::holds_alternative<proto::Relay>(opened(datagram));
}

struct RelayLink {
  Link link;
  std::vector<sync::Relayed>& at_b = link.b.relayed;

  explicit RelayLink(decltype(Link::rewrites) rewrites = nullptr) : link(std::move(rewrites)) {}

  void send(std::span<const uint8_t> message, uint64_t run = kRun) {
    link.a.cluster.relay(link.now(), run, message, link.a.out);
  }
  void run_ms(int64_t ms) { link.run_ms(ms); }
  sync::Stats a() { return link.a.cluster.status(link.now()).stats; }
  sync::Stats b() { return link.b.cluster.status(link.now()).stats; }
};

}  // namespace

TEST_CASE("relay: a message of any size arrives whole, by the run that sent it") {
  RelayLink link;
  for (const size_t size : {size_t{1}, proto::kRelayPartMax, proto::kRelayPartMax + 1, size_t{3000},
                            proto::kRelayMax - 1, proto::kRelayMax}) {
    CAPTURE(size);
    link.at_b.clear();
    const auto message = message_of(size, size);
    link.send(message);
    link.run_ms(50);
    REQUIRE(link.at_b.size() == 1);
    CHECK(link.at_b[0].message == message);
    CHECK(link.at_b[0].from_run == kRun);
  }
  CHECK(link.a().relays_sent == 6);
  CHECK(link.b().relays_received == 6);
  CHECK(link.a().relay_parts_sent == link.b().relay_parts_received);
}

TEST_CASE("relay: one datagram leaves at once") {
  RelayLink link;
  link.send(message_of(1000));
  REQUIRE(link.link.a.out.sends.size() == 1);
  CHECK(is_relay(link.link.a.out.sends[0].bytes));
  CHECK(link.link.a.out.sends[0].to == link.link.b.address);
}

TEST_CASE("relay: to a run that is nobody's, or of a node that is down, nothing is sent") {
  RelayLink link;
  link.send(message_of(10), kRun + 1);
  CHECK(link.link.a.out.sends.empty());
  CHECK(link.a().relays_unreachable == 1);
  link.link.loses = [] { return true; };
  link.run_ms(20'000);
  link.link.a.out.sends.clear();
  link.send(message_of(10));
  CHECK(link.link.a.out.sends.empty());
  CHECK(link.a().relays_unreachable == 2);
}

TEST_CASE("relay: to a member that does not know relays nothing is sent, nor deltas of web peers") {
  // Node b as it was before.
  sync::Sealer sealer(kKeys, sync::cluster_tag("test"), sync::node_id("test", "b"), kRun);
  bool before = true;
  RelayLink link([&](const End& from, const sync::SealedPacket& datagram) {
    const auto header = proto::parse_sync_header(*datagram);
    proto::SyncPacket packet = opened(datagram);
    auto* heartbeat = std::get_if<proto::Heartbeat>(&packet);
    if (from.address != common::make_endpoint_v4(0x0a000002, 6970) || heartbeat == nullptr) {
      return std::vector{datagram};
    }
    heartbeat->web = !before;
    auto out = std::make_shared<std::vector<uint8_t>>();
    // The same sequence, as others of b are sent between these.
    const auto body = proto::encode_sync_packet(packet);
    for (;;) {
      const auto sealed = sealer.seal(header->stream, body);
      if (proto::parse_sync_header(*sealed)->sequence >= header->sequence) return std::vector{sealed};
    }
  });
  const auto publish = [&](const common::Endpoint& peer) {
    proto::OwnDelta own;
    own.delta.peer = peer;
    link.link.a.cluster.publish(link.link.now(), {&own, 1}, link.link.a.out);
    link.run_ms(100);
  };
  link.send(message_of(10));
  CHECK(link.a().relays_unreachable == 1);
  publish(common::to_endpoint({kRun, 1}));
  CHECK(link.a().web_deltas_kept == 1);
  CHECK(link.link.b.swarms.merged == 0);
  publish(common::make_endpoint_v4(0xcb007101, 1));
  CHECK(link.link.b.swarms.merged == 1);
  before = false;
  link.run_ms(2'000);
  link.send(message_of(10));
  CHECK(link.a().relays_unreachable == 1);
  publish(common::to_endpoint({kRun, 1}));
  CHECK(link.a().web_deltas_kept == 1);
  CHECK(link.link.b.swarms.merged == 2);
}

TEST_CASE("relay: what is lost in part is dropped after two seconds, and never sent again") {
  RelayLink link;
  size_t relays = 0;
  link.link.rewrites = [&](const End&, const sync::SealedPacket& datagram) {
    if (!is_relay(datagram) || ++relays != 2) return std::vector{datagram};
    return std::vector<sync::SealedPacket>{};
  };
  link.send(message_of(5000));
  link.run_ms(1'000);
  CHECK(link.b().relays_incomplete == 0);
  link.run_ms(2'000);
  CHECK(link.at_b.empty());
  CHECK(link.b().relays_incomplete == 1);
  CHECK(relays == 5);
  // The next is whole.
  link.send(message_of(5000, 2));
  link.run_ms(100);
  CHECK(link.at_b.size() == 1);
}

TEST_CASE("relay: parts in any order make the message, and a second copy none") {
  RelayLink link;
  std::vector<sync::SealedPacket> held;
  bool release = false;
  link.link.rewrites = [&](const End& from, const sync::SealedPacket& datagram) {
    if (!is_relay(datagram)) {
      std::vector<sync::SealedPacket> out{datagram};
      if (release && from.address == link.link.a.address) {
        for (auto it = held.rbegin(); it != held.rend(); ++it) out.insert(out.end(), 2, *it);
        held.clear();
      }
      return out;
    }
    held.push_back(datagram);
    return std::vector<sync::SealedPacket>{};
  };
  const auto first = message_of(7000, 1);
  const auto second = message_of(4000, 2);
  link.send(first);
  link.send(second);
  link.run_ms(500);
  release = true;
  link.run_ms(1'000);
  REQUIRE(link.at_b.size() == 2);
  CHECK(link.at_b[0].message == second);
  CHECK(link.at_b[1].message == first);
}

TEST_CASE("relay: no more than the pace, and what waits too long is dropped") {
  RelayLink link;
  link.link.a.cluster.set_pace(200'000, 0);
  const auto before = link.link.a.cluster.status(link.link.now()).stats.bytes_sent;
  // A megabyte: more than may wait.
  for (int i = 0; i < 64; ++i) link.send(message_of(proto::kRelayMax, 10));
  CHECK(link.a().relays_crowded > 40);
  link.run_ms(1'900);
  const auto bytes = link.link.a.cluster.status(link.link.now()).stats.bytes_sent - before;
  CHECK(bytes > 150'000);
  CHECK(bytes < 240'000);
  link.run_ms(1'000);
  const sync::Stats stats = link.a();
  CHECK(stats.relays_late > 0);
  CHECK(stats.relays_sent + stats.relays_late + stats.relays_crowded == 64);
  CHECK(link.at_b.size() == stats.relays_sent);
  // And then there is room again.
  link.send(message_of(100));
  link.run_ms(100);
  CHECK(link.a().relays_sent == stats.relays_sent + 1);
}

TEST_CASE("relay: a member that floods with parts costs a bounded memory") {
  RelayLink link;
  // What b would say, if it were bad.
  uint64_t sent = 0;
  link.link.rewrites = [&](const End& from, const sync::SealedPacket& datagram) {
    std::vector<sync::SealedPacket> out{datagram};
    if (!is_relay(datagram) || from.address != link.link.a.address) return out;
    static sync::Sealer sealer(kKeys, sync::cluster_tag("test"), sync::node_id("test", "a"), kRun);
    const auto seal = [&](const proto::Relay& relay) {
      for (;;) {
        const auto sealed = sealer.seal(proto::SyncStream::control, proto::encode_sync_packet(relay));
        if (proto::parse_sync_header(*sealed)->sequence > proto::parse_sync_header(*datagram)->sequence) {
          return sealed;
        }
      }
    };
    for (uint64_t i = 0; i < 500; ++i, ++sent) {
      out.push_back(seal({kRun, 1000 + i, proto::kRelayPartsMax, 3, message_of(proto::kRelayPartMax)}));
    }
    // Parts that do not fit together.
    out.push_back(seal({kRun, 1499, 2, 0, message_of(proto::kRelayPartMax)}));
    out.push_back(seal({kRun, 1498, proto::kRelayPartsMax, 3, message_of(proto::kRelayPartMax)}));
    // For another run.
    out.push_back(seal({kRun + 1, 2000, 1, 0, {1}}));
    return out;
  };
  link.send(message_of(10));
  link.run_ms(10);
  CHECK(sent == 500);
  const sync::Stats stats = link.b();
  constexpr size_t kKept =
      sync::MemberRelays::kPartialBytesMax / (proto::kRelayPartsMax * proto::kRelayPartMax);
  CHECK(stats.relays_incomplete == 500 - kKept + 2);
  CHECK(stats.relays_misdirected == 1);
  CHECK(link.at_b.size() == 1);
}

TEST_CASE("web peers: only those of runs that are up are merged, and a run that ends is told") {
  Link link;
  const auto publish = [&](uint64_t run) {
    std::vector<proto::OwnDelta> own(2);
    own[0].delta.peer = common::to_endpoint({run, 7});
    own[1].delta.peer = common::make_endpoint_v4(0xcb007101, 1);
    link.b.cluster.publish(link.now(), own, link.b.out);
    link.run_ms(200);
    return std::exchange(link.a.swarms.merged, 0);
  };
  CHECK(link.a.cluster.is_live_run(kRun));
  CHECK(publish(kRun) == 2);
  CHECK(publish(kRun + 1) == 1);
  CHECK(link.a.cluster.status(link.now()).stats.web_records_refused == 1);
}

TEST_CASE("web peers: the run of a node that leaves, or is not heard, has ended") {
  for (const bool leaves : {true, false}) {
    CAPTURE(leaves);
    // Ends of different runs: with equal ones it would be our own.
    End a{"a", 0x0a000001};
    test::NoSwarms swarms;
    sync::Config config = End::config_of("b");
    config.incarnation = kRun + 5;
    sync::Cluster b(config, swarms, {0, kUnixMs});
    const common::Endpoint at_b = common::make_endpoint_v4(0x0a000002, 6970);
    a.cluster.set_seeds({at_b});
    sync::Outputs out_b;
    std::vector<uint64_t> gone;
    int64_t gone_us = 0;
    int64_t now_us = 0;
    bool cut = false;
    const auto run_ms = [&](int64_t ms) {
      for (int64_t i = 0; i < ms; ++i) {
        now_us += 1'000;
        const sync::Now now{now_us, kUnixMs + now_us / 1000};
        if (now_us >= a.cluster.deadline_us()) a.cluster.advance(now, a.out);
        if (now_us >= b.deadline_us()) b.advance(now, out_b);
        const sync::Outputs from_a = std::exchange(a.out, {});
        const sync::Outputs from_b = std::exchange(out_b, {});
        for (const uint64_t run : from_a.runs_gone) {
          gone.push_back(run);
          gone_us = now_us;
        }
        if (cut) continue;
        for (const sync::Send& send : from_a.sends) {
          if (send.to == at_b) b.receive(now, {a.address, std::nullopt, *send.bytes}, out_b);
        }
        for (const sync::Send& send : from_b.sends) {
          if (send.to == a.address) a.cluster.receive(now, {at_b, std::nullopt, *send.bytes}, a.out);
        }
      }
    };
    run_ms(2'000);
    REQUIRE(a.cluster.is_live_run(kRun + 5));
    CHECK(gone.empty());
    const int64_t began_us = now_us;
    if (leaves) {
      b.leave({now_us, kUnixMs + now_us / 1000}, out_b);
    } else {
      cut = true;
    }
    run_ms(10'000);
    CHECK(gone == std::vector{kRun + 5});
    CHECK(!a.cluster.is_live_run(kRun + 5));
    CHECK(a.cluster.is_live_run(kRun));
    CHECK(gone_us - began_us <= (leaves ? 1'000'000 : sync::kDownAfterUs + 1'000'000));
    if (leaves) continue;
    // It comes back as the same run.
    cut = false;
    run_ms(5'000);
    CHECK(a.cluster.is_live_run(kRun + 5));
  }
}
