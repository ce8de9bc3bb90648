// Frames of a pull: what is written reads back, and anything else is refused.

#include "proto/pull_frame.h"

#include <doctest/doctest.h>
#include <lz4.h>

#include "common/hex.h"
#include "common/prng.h"
#include "proto/sync_header.h"
#include "proto/sync_packet.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;

namespace {

std::vector<proto::Delta> some_records(common::Prng& prng, uint64_t swarm, uint32_t count) {
  std::vector<proto::Delta> records;
  for (uint32_t i = 0; i < count; ++i) {
    records.push_back({test::hash_of(swarm),
                       prng.below(4) == 0 ? test::v6_peer(i) : test::v4_peer(i),
                       {static_cast<proto::PeerRole>(prng.below(3)), prng.below(2) == 0},
                       static_cast<common::Stamp>(prng.below(256))});
  }
  std::stable_sort(records.begin(), records.end(),
                   [](const auto& a, const auto& b) { return a.peer.family < b.peer.family; });
  return records;
}

std::vector<proto::Delta> web_records(uint64_t swarm, uint32_t count) {
  std::vector<proto::Delta> records;
  for (uint32_t i = 0; i < count; ++i) records.push_back({test::hash_of(swarm), test::web_peer(i), {}, 7});
  return records;
}

void check_round_trip(const proto::SyncPacket& packet) {
  const std::vector<uint8_t> body = proto::encode_sync_packet(packet);
  CHECK(body.size() <= proto::kSyncBodyMax);
  const auto again = proto::decode_sync_packet(body);
  REQUIRE(again.has_value());
  CHECK(*again == packet);
}

}  // namespace

TEST_CASE("pull frame: blocks read back unchanged, compressible or not") {
  common::Prng prng(3);
  for (const uint32_t swarms : {0u, 1u, 5u, 300u}) {
    proto::PullFrameWriter writer;
    proto::PullFrame frame{.tick = 118'000'000, .done = 250, .last = swarms == 5, .blocks = {}};
    for (uint32_t i = 0; i < swarms; ++i) {
      const auto records =
          i % 4 == 3 ? web_records(i, 1 + prng.below(9)) : some_records(prng, i, 1 + prng.below(9));
      std::vector<uint8_t> block;
      proto::append_record_block(i, records, block);
      if (!writer.fits(block.size())) break;
      writer.add(block);
      frame.blocks.push_back({test::hash_of(i), i, records});
    }
    const std::vector<uint8_t> bytes = writer.finish(frame.tick, frame.done, frame.last);
    CHECK(bytes.size() <= proto::kPullFrameMax);
    const auto again = proto::decode_pull_frame(bytes);
    REQUIRE(again.has_value());
    CHECK(*again == frame);
    CHECK(writer.bytes() == 0);
    for (size_t size = 0; size < bytes.size(); ++size) {
      CHECK(!proto::decode_pull_frame(common::ByteSpan(bytes).first(size)).has_value());
    }
  }
}

TEST_CASE("pull frame: false counts, sizes and values are refused") {
  const auto decoded = [](const std::string& hex) {
    std::vector<uint8_t> bytes(hex.size() / 2);
    REQUIRE(common::from_hex(hex, bytes));
    return proto::decode_pull_frame(bytes).has_value();
  };
  const std::string head = "0000000032";
  const std::string tick = "0000000007088880000a";
  const std::string block =
      "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3"  // info_hash
      "00000002"                                  // completed
      "00000001"                                  // v4
      "00000000"                                  // v6
      "c00002011ae1"                              // 192.0.2.1:6881
      "2a"                                        // stamp
      "03";                                       // state: seeder, completed
  CHECK(decoded(head + tick + block));
  CHECK(decoded("000000000a" + tick));
  CHECK(!decoded("040000000a" + tick));  // unknown flag
  CHECK(!decoded("000000000b" + tick));  // another size
  CHECK(!decoded("0000010001" + tick));  // too large
  CHECK(!decoded("010000000a" + tick));  // no LZ4 block
  CHECK(
      !decoded("000000000a"
               "ff00000007088880000a"));  // a tick of length 0
  CHECK(
      !decoded("000000000a"
               "000000000708888003e9"));  // more than 100 % done
  const auto with = [&](size_t at, const std::string& hex) {
    std::string bad = block;
    return head + tick + bad.replace(2 * at, hex.size(), hex);
  };
  CHECK(!decoded(with(24, "00000000")));  // no records
  CHECK(!decoded(with(24, "00000801")));  // more than there are, and than allowed
  CHECK(!decoded(with(28, "ffffffff")));
  CHECK(!decoded(with(36, "0000")));  // port 0
  CHECK(!decoded(with(39, "06")));    // no state
  // Of a web peer: its port, and none of another family beside it.
  const auto web = [&](const std::string& v4, const std::string& port) {
    return decoded("000000003e" + tick + block.substr(0, 48) + v4 + "80000001" +
                   "0199aabbccdd00000001000000000002" + port + "2a" + "03");
  };
  CHECK(web("00000000", "0001"));
  CHECK(!web("00000000", "0002"));
  CHECK(!web("00000001", "0001"));
  // An IPv4-mapped address among the IPv6 ones.
  CHECK(!decoded("000000003e" + tick + block.substr(0, 48) + "0000000000000001" +
                 "00000000000000000000ffffc00002011ae1"
                 "2a"
                 "03"));
}

TEST_CASE("sync packet: digests, cells and requests read back unchanged") {
  common::Prng prng(4);
  std::vector<uint64_t> digests;
  for (size_t i = 0; i < 180; ++i) digests.push_back(prng.next() & proto::kDigestMask);
  check_round_trip(proto::Digests{2700, 118'000'000, digests, true});
  check_round_trip(proto::Digests{1, 1, {0}, false});
  check_round_trip(proto::Digests{1, 1, {0}, false, true});
  check_round_trip(proto::CellsAsk{{118'000'000, 118'000'001, 5, 6, 7, 8, 9, 10}});
  check_round_trip(proto::CellDigests{118'000'000, 1024 - 180, digests});
  proto::PullRequest request{1, 2, {}, true};
  check_round_trip(request);
  for (uint32_t i = 0; i < proto::kPullPartsMax; ++i) {
    proto::PullPart part{118'000'000 + prng.below(1000), 1 + prng.below(256), {}};
    // Far apart, so that each skip takes two bytes.
    for (uint32_t n = 0; n < proto::kPullBucketsMax / 32; ++n)
      part.buckets.push_back(n * 85 + prng.below(30));
    request.parts.push_back(part);
  }
  check_round_trip(request);
}

TEST_CASE("sync packet: a request with a sketch") {
  proto::PullRequest request{1, 2, {}, true};
  for (uint32_t i = 0; i < proto::kPullPartsMax; ++i) request.parts.push_back({118'000'000 + 3 * i, 2, {}});
  request.sketch.assign(proto::RecordSketch::kSizeMax, 0xa5);
  request.salt = {UINT64_MAX, 1};
  const std::vector<uint8_t> body = proto::encode_sync_packet(request);
  CHECK(body.size() <= proto::kSyncRequestBodyMax);
  const auto again = proto::decode_sync_packet(body);
  REQUIRE(again.has_value());
  CHECK(std::get<proto::PullRequest>(*again) == request);
  const auto decodes = [](const proto::PullRequest& one) {
    return proto::decode_sync_packet(proto::encode_sync_packet(one)).has_value();
  };
  proto::PullRequest other = request;
  other.sketch.pop_back();
  CHECK(!decodes(other));  // part of a symbol
  other = request;
  other.parts.clear();
  CHECK(!decodes(other));
  other = request;
  other.parts[0].buckets = {1};
  CHECK(!decodes(other));
  // Nothing else may be so long.
  std::vector<uint8_t> padded = proto::encode_sync_packet(proto::PullRequest{1, 2, {}, true});
  REQUIRE(padded[0] == 0);
  CHECK(proto::decode_sync_packet(padded).has_value());
  for (int i = 0; i < 5000; ++i) padded.insert(padded.end(), {0x20, 0x01});  // says `web` again and again
  CHECK(!proto::decode_sync_packet(padded).has_value());
}

TEST_CASE("pull frame: a sketch was too small") {
  const std::vector<uint8_t> frame = proto::PullFrameWriter::too_small(118'000'000, 70'000);
  const auto read = proto::decode_pull_frame(frame);
  REQUIRE(read.has_value());
  CHECK(read->differing == std::optional<uint32_t>(70'000));
  CHECK(read->last);
  CHECK(read->blocks.empty());
  std::vector<uint8_t> other = frame;
  other[0] = 4;  // not the last
  CHECK(!proto::decode_pull_frame(other).has_value());
  other = frame;
  ++other[4];
  other.push_back(0);
  CHECK(!proto::decode_pull_frame(other).has_value());
  other = frame;
  other[0] = 2;  // blocks, which these are not
  CHECK(!proto::decode_pull_frame(other).has_value());
}

TEST_CASE("sync packet: a heartbeat says whether its sender is in step") {
  proto::Heartbeat heartbeat;
  heartbeat.name = "a";
  heartbeat.synced = true;
  check_round_trip(heartbeat);
}

TEST_CASE("pull frame: what shrinks to nearly nothing is sent as it is, and refused if it was not") {
  proto::PullFrameWriter writer;
  std::vector<proto::Delta> records(2000, proto::Delta{test::hash_of(1), test::v4_peer(1), {}, 5});
  std::vector<uint8_t> block;
  proto::append_record_block(1, records, block);
  writer.add(block);
  const std::vector<uint8_t> sent = writer.finish(118'000'000, 1, false);
  CHECK(sent.size() > block.size());
  CHECK(proto::decode_pull_frame(sent).has_value());
  // The same, packed by somebody who wants to give work.
  std::vector<uint8_t> packed(sent.size());
  const int size = LZ4_compress_default(
      reinterpret_cast<const char*>(sent.data() + 5), reinterpret_cast<char*>(packed.data() + 5),
      static_cast<int>(sent.size() - 5), static_cast<int>(packed.size() - 5));
  REQUIRE(size > 0);
  REQUIRE(static_cast<size_t>(size) * proto::kPullRatioMax < sent.size());
  std::copy_n(sent.begin(), 5, packed.begin());
  packed[0] = 1;
  packed.resize(5 + static_cast<size_t>(size));
  CHECK(!proto::decode_pull_frame(packed).has_value());
}
