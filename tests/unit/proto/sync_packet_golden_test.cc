// One sealed datagram, byte for byte, in both directions: what another implementation has to produce and to
// understand (docs/protocol/packets.md).

#include <doctest/doctest.h>

#include <numeric>

#include "common/hex.h"
#include "common/web_address.h"
#include "proto/sync_packet.h"
#include "sync/keys.h"
#include "sync/seal.h"

using namespace shoal;

namespace {

const std::string kCluster = "golden";
constexpr uint64_t kIncarnation = 0x0199f1c2d3e44242;

// 00 01 02 ... 1f
sync::ClusterKey golden_key() {
  sync::ClusterKey key;
  std::iota(key.begin(), key.end(), uint8_t{0});
  return key;
}

proto::DeltaBatch golden_batch() {
  proto::DeltaBatch batch{2700, {}};
  proto::Delta delta;
  for (size_t i = 0; i < 20; ++i) delta.info_hash.bytes[i] = static_cast<uint8_t>(0xa0 + i);
  delta.peer = common::make_endpoint_v4(0xc0000201, 6881);  // 192.0.2.1
  delta.state = {proto::PeerRole::seeder, true};
  delta.stamp = 0x2a;
  batch.deltas.push_back(delta);
  delta.peer = common::make_endpoint_v4(0xc0000202, 6882);
  delta.state = {proto::PeerRole::leecher, false};
  batch.deltas.push_back(delta);
  for (size_t i = 0; i < 20; ++i) delta.info_hash.bytes[i] = static_cast<uint8_t>(0xc0 + i);
  const std::array<uint8_t, 16> v6 = {0x20, 0x01, 0x0d, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  delta.peer = common::make_endpoint(v6, 51413);
  delta.state = {proto::PeerRole::stopped, false};
  delta.stamp = 0x2b;
  batch.deltas.push_back(delta);
  return batch;
}

std::vector<uint8_t> bytes_of(const std::string& hex) {
  std::vector<uint8_t> out(hex.size() / 2);
  REQUIRE(common::from_hex(hex, out));
  return out;
}

const std::string kBody =
    "00"                                            // flags: not compressed
    "1268"                                          // Packet.deltas, 104 bytes
    "088c15"                                        // peer_timeout_s 2700
    "1230"                                          // v4, 48 bytes
    "0a14a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3"  // info_hashes
    "120102"                                        // run_lengths: 2
    "1a0cc00002011ae1c00002021ae2"                  // endpoints 192.0.2.1:6881, 192.0.2.2:6882
    "2204032a002a"                                  // changes: seeder completed 2a, leecher 2a
    "2a0102"                                        // change_codes 0, 1: one bit each
    "1a31"                                          // v6, 49 bytes
    "0a14c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3"
    "120101"
    "1a1220010db80102030405060708090a0b0cc8d5"
    "2202042b"  // changes: stopped 2b; one change needs no codes
    ;

// The same batch but for info_hashes of one repeated byte, as an LZ4 block. Only decoded: a compressor may
// produce another block.
const std::string kCompressedBody =
    "01006a"  // flags: LZ4; 106 bytes
    "af1268088c1512300a14aa010000ff101201021a0cc00002011ae1c00002021ae22204032a002a2a01021a310a14bb010000a612"
    "01011a1220010db80001007003c8d52202042b";

const std::string kDatagram =
    "73686c01"                                                          // "shl", major 1
    "c109203b"                                                          // cluster tag
    "65c645c9"                                                          // key id
    "1ec63ccd26b5b809"                                                  // node id
    "0199f1c2d3e44242"                                                  // incarnation
    "0000000000000001"                                                  // stream 0, sequence 1
    "74d3fc727961eb4c4e5fdb7fe9244e5a6a8b4e780d7e88baa30af09a93d20931"  // ciphertext
    "de60dcfb74d3541f59a9dcf3639be045d2d3f650aff585f018d5abd3e2d21950"
    "f26aadbc052e61b70da747d649ded11e199c9476ee657fbe20aa0d9b4019ffb1"
    "92650a02d6154cb8a3a58c"
    "b9881ba2cf64cc6a9166f75368f86b8e"  // tag
    ;

}  // namespace

TEST_CASE("golden: derived keys and ids") {
  CHECK(common::to_hex(sync::cluster_tag(kCluster)) == "c109203b");
  CHECK(sync::node_id(kCluster, "a") == 0x1ec63ccd26b5b809);
  const sync::KeyRing keys({golden_key()}, kCluster);
  CHECK(common::to_hex(keys.sealing().id) == "65c645c9");
  CHECK(common::to_hex(keys.sealing().key) ==
        "44d98fac144290990c061ed239ae05979d4b9d46213aea966083f0ad72c1f7f9");
  CHECK(common::to_hex(sync::derive_connection_id_key(golden_key(), kCluster)) ==
        "bb18351f474d9a5b11549ec5bee47812");
  CHECK(common::to_hex(sync::insecure_key(kCluster)) ==
        "49a1f6f64a4dcbdb695525596228a505d0eeb642e02aab7daf1c424507bcf43f");
}

TEST_CASE("golden: a delta packet") {
  CHECK(common::to_hex(proto::encode_sync_packet(golden_batch())) == kBody);
  const auto packet = proto::decode_sync_packet(bytes_of(kBody));
  REQUIRE(packet.has_value());
  CHECK(std::get<proto::DeltaBatch>(*packet) == golden_batch());
}

TEST_CASE("golden: a delta of a web peer") {
  const std::string body =
      "00"
      "1236"    // Packet.deltas, 54 bytes
      "088c15"  // peer_timeout_s 2700
      "2a31"    // web, 49 bytes
      "0a14c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3"
      "120101"
      "1a12"              // endpoints
      "0199f1c2d3e44242"  // run
      "000100000000002b"  // connection 2b of worker 1
      "0001"              // in place of a port
      "2202042b";         // changes: stopped 2b
  proto::DeltaBatch batch{2700, {golden_batch().deltas.back()}};
  batch.deltas[0].peer = common::to_endpoint({kIncarnation, common::web_connection(1, 0x2b)});
  CHECK(common::to_hex(proto::encode_sync_packet(batch)) == body);
  CHECK(*proto::decode_sync_packet(bytes_of(body)) == proto::SyncPacket(batch));
}

TEST_CASE(
    "golden: deltas of an info_hash by number and of one that is told, an ask for a number, an answer") {
  const std::string body =
      "00"
      "223b"    // Packet.numbered, 59 bytes
      "088c15"  // peer_timeout_s 2700
      "1234"    // v4, 52 bytes
      "0a14a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3"
      "12020101"                      // run_lengths: 1, 1
      "1a0cc00002011ae1c00002021ae2"  // endpoints
      "2204032a002a"                  // changes
      "2a0102"                        // change_codes
      "320102"                        // back 2: number 5
      "3007";                         // first_told 7: that of a0a1...
  proto::NumberedBatch batch{2700, {}, {5, 7}, 7, 0};
  batch.deltas = {golden_batch().deltas[0], golden_batch().deltas[1]};
  batch.deltas[0].info_hash = {};
  CHECK(common::to_hex(proto::encode_sync_packet(batch)) == body);
  CHECK(*proto::decode_sync_packet(bytes_of(body)) == proto::SyncPacket(batch));

  const std::string ask_body =
      "00"
      "720d"                // Packet.hashes_ask, 13 bytes
      "094242e4d3c2f19901"  // incarnation of the receiver
      "12020502";           // numbers 5 and 7
  const proto::HashesAsk ask{kIncarnation, {5, 7}};
  CHECK(common::to_hex(proto::encode_sync_packet(ask)) == ask_body);
  CHECK(*proto::decode_sync_packet(bytes_of(ask_body)) == proto::SyncPacket(ask));

  const std::string hashes_body =
      "00"
      "7a1b"    // Packet.hashes, 27 bytes
      "0801"    // oldest 1
      "120105"  // number 5
      "1a14a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3";
  const proto::Hashes hashes{1, {{5, golden_batch().deltas[0].info_hash}}};
  CHECK(common::to_hex(proto::encode_sync_packet(hashes)) == hashes_body);
  CHECK(*proto::decode_sync_packet(bytes_of(hashes_body)) == proto::SyncPacket(hashes));
}

TEST_CASE("golden: a part of a relay") {
  const std::string body =
      "00"
      "e20314"              // Packet.relay, 20 bytes
      "094242e4d3c2f19901"  // incarnation of the receiver
      "1005"                // message 5
      "1802"                // parts: 2
      "2001"                // part: 1, the last
      "2a03616263";         // bytes
  const proto::Relay relay{kIncarnation, 5, 2, 1, {'a', 'b', 'c'}};
  CHECK(common::to_hex(proto::encode_sync_packet(relay)) == body);
  CHECK(*proto::decode_sync_packet(bytes_of(body)) == proto::SyncPacket(relay));
}

TEST_CASE("golden: a compressed delta packet is understood") {
  const auto packet = proto::decode_sync_packet(bytes_of(kCompressedBody));
  REQUIRE(packet.has_value());
  const auto& deltas = std::get<proto::DeltaBatch>(*packet).deltas;
  REQUIRE(deltas.size() == 3);
  CHECK(common::to_hex(deltas[1].info_hash) == "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
  CHECK(common::to_string(deltas[1].peer) == "192.0.2.2:6882");
  CHECK(common::to_hex(deltas[2].info_hash) == "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
  CHECK(deltas[2].state.role == proto::PeerRole::stopped);
}

TEST_CASE("golden: a sealed datagram") {
  const sync::KeyRing keys({golden_key()}, kCluster);
  sync::Sealer sealer(keys, sync::cluster_tag(kCluster), sync::node_id(kCluster, "a"), kIncarnation);
  CHECK(common::to_hex(*sealer.seal(proto::SyncStream::deltas, bytes_of(kBody))) == kDatagram);

  const std::vector<uint8_t> datagram = bytes_of(kDatagram);
  const auto header = proto::parse_sync_header(datagram);
  REQUIRE(header.has_value());
  CHECK(header->node_id == sync::node_id(kCluster, "a"));
  CHECK(header->incarnation == kIncarnation);
  CHECK(header->stream == proto::SyncStream::deltas);
  CHECK(header->sequence == 1);
  CHECK(sync::open_sealed(keys, *header, datagram) == bytes_of(kBody));
}
