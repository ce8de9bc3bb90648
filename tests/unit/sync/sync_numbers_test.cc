// Info_hashes by number between two nodes: what is not known waits, is asked for, and is told.

#include <doctest/doctest.h>

#include "proto/sync_packet.h"
#include "sync/told_hashes.h"
#include "tests/unit/support/sync_link.h"
#include "tests/unit/support/sync_peer.h"

using namespace shoal;
using test::Link;

namespace {

const sync::KeyRing kKeys({sync::insecure_key("test")}, "test");

proto::SyncPacket opened(const sync::SealedPacket& datagram) {
  const auto body = sync::open_sealed(kKeys, *proto::parse_sync_header(*datagram), *datagram);
  REQUIRE(body);
  return *proto::decode_sync_packet(*body);
}

// What the datagrams of node a and b carry.
struct NumbersLink {
  bool lose_batches = false;
  bool lose_answers = false;
  size_t batches = 0, asks = 0, answers = 0;
  size_t named = 0;  // deltas by number
  Link link{[this](const test::End&, const sync::SealedPacket& datagram) {
    const auto packet = opened(datagram);
    if (const auto* batch = std::get_if<proto::NumberedBatch>(&packet)) {
      ++batches;
      for (const uint64_t number : batch->numbers) named += number < batch->first_told ? 1 : 0;
      if (lose_batches) return std::vector<sync::SealedPacket>{};
    }
    asks += std::holds_alternative<proto::HashesAsk>(packet) ? 1 : 0;
    answers += std::holds_alternative<proto::Hashes>(packet) ? 1 : 0;
    if (lose_answers && std::holds_alternative<proto::Hashes>(packet))
      return std::vector<sync::SealedPacket>{};
    return std::vector{datagram};
  }};

  sync::Stats b() { return link.b.cluster.status(link.now()).stats; }

  // Node a tells 20 info_hashes, and node b never hears of it: the packet is too old to be sent again.
  void tell_in_vain() {
    lose_batches = true;
    link.publish(link.a, 20);
    link.run_ms(32'000);
    lose_batches = false;
    REQUIRE(b().packets_lost == 1);
    REQUIRE(link.b.swarms.merged == 0);
  }
};

}  // namespace

TEST_CASE(
    "numbers: a delta of an unknown number is asked for, merged once it is told, and asked for no more") {
  NumbersLink numbers;
  Link& link = numbers.link;
  numbers.tell_in_vain();
  link.publish(link.a, 20);
  link.run_ms(60);
  CHECK(numbers.named == 20);
  CHECK(link.b.swarms.merged == 0);
  CHECK(numbers.b().deltas_aside == 20);
  link.run_ms(40);
  CHECK(link.b.swarms.merged == 20);
  CHECK(numbers.asks == 1);
  CHECK(numbers.answers == 1);
  CHECK(numbers.b().hashes_asked == 20);
  CHECK(link.a.cluster.status(link.now()).stats.hashes_told == 20);
  link.publish(link.a, 20);
  link.run_ms(1'000);
  CHECK(link.b.swarms.merged == 40);
  CHECK(numbers.asks == 1);
  CHECK(numbers.b().dropped_aside == 0);
}

TEST_CASE("numbers: answers that are lost are asked for again, until the deltas are too old") {
  NumbersLink numbers;
  Link& link = numbers.link;
  numbers.tell_in_vain();
  numbers.lose_answers = true;
  link.publish(link.a, 20);
  link.run_ms(5'000);
  CHECK(numbers.asks > 20);
  numbers.lose_answers = false;
  link.run_ms(200);
  CHECK(link.b.swarms.merged == 20);
  CHECK(numbers.b().dropped_aside == 0);
}

TEST_CASE("numbers: what is never told is given up") {
  NumbersLink numbers;
  Link& link = numbers.link;
  numbers.tell_in_vain();
  numbers.lose_answers = true;
  link.publish(link.a, 20);
  link.run_ms(31'000);
  CHECK(numbers.b().dropped_aside == 20);
  const size_t asks = numbers.asks;
  link.run_ms(1'000);
  CHECK(numbers.asks == asks);
  CHECK(link.b.swarms.merged == 0);
}

TEST_CASE("numbers: a node that leaves stays until what it named is told") {
  NumbersLink numbers;
  Link& link = numbers.link;
  numbers.tell_in_vain();
  numbers.lose_answers = true;
  link.publish(link.a, 20);
  link.run_ms(100);
  link.a.cluster.leave(link.now(), link.a.out);
  link.run_ms(200);
  CHECK(!link.a.cluster.left_in_order(link.now()));
  numbers.lose_answers = false;
  link.run_ms(200);
  CHECK(link.a.cluster.left_in_order(link.now()));
  CHECK(link.b.swarms.merged == 20);
}

TEST_CASE("numbers: what waits for a node that is down is given up too") {
  NumbersLink numbers;
  Link& link = numbers.link;
  numbers.tell_in_vain();
  numbers.lose_answers = true;
  link.publish(link.a, 20);
  link.run_ms(100);
  REQUIRE(numbers.b().deltas_aside == 20);
  link.loses = [] { return true; };
  link.run_ms(29'000);
  REQUIRE(Link::state_at(link.b, "a", link.now()) == sync::MemberState::down);
  CHECK(numbers.b().dropped_aside == 0);
  link.run_ms(2'000);
  CHECK(numbers.b().dropped_aside == 20);
}

TEST_CASE("numbers: what was waited for is merged at once, and counts as one packet for the lag") {
  NumbersLink numbers;
  Link& link = numbers.link;
  numbers.tell_in_vain();
  numbers.lose_answers = true;
  // 30 packets, which wait for up to 3 s.
  for (int i = 0; i < 30; ++i) {
    link.publish(link.a, 20);
    link.run_ms(100);
  }
  REQUIRE(numbers.b().deltas_aside == 600);
  const int merges = link.b.swarms.merges;
  numbers.lose_answers = false;
  link.run_ms(200);
  CHECK(link.b.swarms.merged == 600);
  CHECK(link.b.swarms.merges == merges + 1);
  for (const sync::MemberStatus& member : link.b.cluster.status(link.now()).members) {
    // An eighth of the mean.
    if (member.name == "a") CHECK(member.lag_us < 300'000);
  }
}

TEST_CASE("numbers: info_hashes that nobody asked for are learnt, and cost what others do") {
  NumbersLink numbers;
  Link& link = numbers.link;
  test::SyncPeer peer{{sync::insecure_key("test")},
                      "test",
                      "c",
                      static_cast<uint64_t>(test::kUnixMs) << 16,
                      common::make_endpoint_v4(0x0a000003, 6970)};
  REQUIRE(peer.meet(link.b.cluster, link.now(), link.b.out));
  const auto hear = [&](proto::SyncStream stream, const proto::SyncPacket& packet) {
    link.b.cluster.receive(
        link.now(), {peer.from, std::nullopt, *peer.sealer.seal(stream, proto::encode_sync_packet(packet))},
        link.b.out);
  };
  proto::Hashes leaps{1, {}};
  for (uint64_t i = 1; i <= proto::kHashesMax; ++i) leaps.hashes.push_back({i * 131'071, {}});
  hear(proto::SyncStream::control, leaps);
  proto::NumberedBatch batch{2700, {}, {131'071}, 1'000'000, link.now().unix_ms};
  batch.deltas.resize(1);
  batch.deltas[0].peer = common::make_endpoint_v4(0xcb007101, 6881);
  hear(proto::SyncStream::deltas, batch);
  CHECK(link.b.swarms.merged == 1);
  CHECK(numbers.b().deltas_aside == 0);
}
