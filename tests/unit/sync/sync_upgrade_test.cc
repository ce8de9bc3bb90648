// Upgrades: a node of this version and one of the next minor version, which sends more than this one knows,
// in one cluster. The next version is made from this one: on the way every message gets fields from the
// future, and sometimes a packet of an unknown kind follows it (docs/protocol/versions.md).

#include <lz4.h>

#include <algorithm>
#include <set>

#include "common/web_address.h"
#include "proto/sync.pb.h"
#include "proto/sync_packet.h"
#include "tests/unit/support/sync_link.h"

using namespace shoal;
using test::End;
using test::kUnixMs;
using test::Link;

namespace {

namespace pb = proto::pb;

// Fields 1000 (number), 1001 (text) and 1002 (eight bytes), as no version has them yet.
const std::string kFutureFields("\xc0\x3e\x07\xca\x3e\x05later\xd1\x3e\x01\x02\x03\x04\x05\x06\x07\x08", 21);

template <class Message>
void add_future(Message& message) {
  REQUIRE(message.MergeFromString(kFutureFields));
}

void add_future_everywhere(pb::Packet& packet) {
  add_future(packet);
  if (packet.has_heartbeat()) {
    add_future(*packet.mutable_heartbeat());
    for (pb::Member& member : *packet.mutable_heartbeat()->mutable_members()) add_future(member);
  }
  if (packet.has_deltas()) {
    add_future(*packet.mutable_deltas());
    if (packet.deltas().has_v4()) add_future(*packet.mutable_deltas()->mutable_v4());
    if (packet.deltas().has_v6()) add_future(*packet.mutable_deltas()->mutable_v6());
    if (packet.deltas().has_web()) add_future(*packet.mutable_deltas()->mutable_web());
  }
  if (packet.has_numbered()) {
    add_future(*packet.mutable_numbered());
    if (packet.numbered().has_v4()) add_future(*packet.mutable_numbered()->mutable_v4());
  }
  if (packet.has_hashes_ask()) add_future(*packet.mutable_hashes_ask());
  if (packet.has_hashes()) add_future(*packet.mutable_hashes());
  if (packet.has_leave()) add_future(*packet.mutable_leave());
  if (packet.has_challenge()) add_future(*packet.mutable_challenge());
  if (packet.has_echo()) add_future(*packet.mutable_echo());
  if (packet.has_nack()) add_future(*packet.mutable_nack());
  if (packet.has_gone()) add_future(*packet.mutable_gone());
  if (packet.has_access_changes()) {
    add_future(*packet.mutable_access_changes());
    if (packet.access_changes().has_forgotten()) {
      add_future(*packet.mutable_access_changes()->mutable_forgotten());
    }
  }
  if (packet.has_access_ask()) add_future(*packet.mutable_access_ask());
  if (packet.has_ban_changes()) {
    add_future(*packet.mutable_ban_changes());
    if (packet.ban_changes().has_forgotten()) add_future(*packet.mutable_ban_changes()->mutable_forgotten());
  }
  if (packet.has_ban_ask()) add_future(*packet.mutable_ban_ask());
  if (packet.has_client_load()) add_future(*packet.mutable_client_load());
  if (packet.has_name_taken()) add_future(*packet.mutable_name_taken());
  if (packet.has_forget()) add_future(*packet.mutable_forget());
  if (packet.has_digests()) add_future(*packet.mutable_digests());
  if (packet.has_cells_ask()) add_future(*packet.mutable_cells_ask());
  if (packet.has_cells()) add_future(*packet.mutable_cells());
  if (packet.has_relay()) add_future(*packet.mutable_relay());
  if (packet.has_pull()) {
    add_future(*packet.mutable_pull());
    for (pb::PullPart& part : *packet.mutable_pull()->mutable_parts()) add_future(part);
  }
}

std::string raw_of(common::ByteSpan body) {
  if (body[0] == 0) return {body.begin() + 1, body.end()};
  std::string raw(static_cast<size_t>(body[1] << 8 | body[2]), '\0');
  const int size = LZ4_decompress_safe(reinterpret_cast<const char*>(body.data()) + 3, raw.data(),
                                       static_cast<int>(body.size()) - 3, static_cast<int>(raw.size()));
  REQUIRE(size == static_cast<int>(raw.size()));
  return raw;
}

std::vector<uint8_t> body_of(const pb::Packet& packet) {
  const std::string raw = packet.SerializeAsString();
  std::vector<uint8_t> body(1 + raw.size(), 0);
  std::copy(raw.begin(), raw.end(), body.begin() + 1);
  return body;
}

// One of each kind, with something in every list.
std::vector<proto::SyncPacket> every_kind() {
  proto::DeltaBatch deltas{2700, {}, kUnixMs};
  proto::Delta delta;
  delta.peer = common::make_endpoint_v4(0xcb007101, 6881);
  deltas.deltas.push_back(delta);
  delta.peer = common::make_endpoint(std::array<uint8_t, 16>{0x20, 0x01, 0x0d, 0xb8}, 6881);
  deltas.deltas.push_back(delta);
  delta.peer = common::to_endpoint({1, 2});
  deltas.deltas.push_back(delta);
  proto::Heartbeat heartbeat{"b", kUnixMs, 1, 2700, common::make_endpoint_v4(0x0a000002, 6970), 0, 1, {}};
  heartbeat.members.push_back({1, 2, common::make_endpoint_v4(0x0a000001, 6970), 0, 12, true, 34});
  proto::Nack nack{7, {{1, 2}}};
  proto::AccessChanges changes;
  changes.changes.emplace_back();
  proto::BanChanges bans;
  bans.changes.push_back({.prefix = {4, 192, 0, 2, 1}, .term = {}, .stamp = {}});
  proto::PullRequest pull{11, 12, {}};
  pull.parts.push_back({118'000'000, 1, {3, 5}});
  return {heartbeat,
          deltas,
          proto::Leave{7},
          nack,
          proto::Gone{7},
          proto::Challenge{},
          proto::ChallengeEcho{},
          proto::Digests{2700, 118'000'000, {1, 2}, true},
          proto::CellsAsk{{118'000'000}},
          proto::CellDigests{118'000'000, 0, {1, 2}},
          pull,
          changes,
          proto::AccessAsk{},
          proto::ClientLoad{1, 1800},
          proto::NameTaken{1, common::make_endpoint_v4(0x0a000001, 6970)},
          proto::Forget{1, 2},
          bans,
          proto::BanAsk{},
          proto::Relay{1, 2, 1, 0, {3}},
          proto::NumberedBatch{2700, {deltas.deltas[0]}, {4}, 7, kUnixMs},
          proto::HashesAsk{1, {4, 5}},
          proto::Hashes{1, {{4, {}}}},
          proto::AccessChanges{{}, {{1, 2}}},
          proto::BanChanges{{}, {{1, 2}}}};
}

// Node b's packets as its next version would seal them.
class NextVersion {
 public:
  std::vector<sync::SealedPacket> operator()(const End& from, const sync::SealedPacket& datagram) {
    if (from.address != common::make_endpoint_v4(0x0a000002, 6970)) return {datagram};
    const auto header = proto::parse_sync_header(*datagram);
    REQUIRE(header);
    const auto body = sync::open_sealed(keys_, *header, *datagram);
    REQUIRE(body);
    pb::Packet packet;
    REQUIRE(packet.ParseFromString(raw_of(*body)));
    add_future_everywhere(packet);
    std::vector<sync::SealedPacket> out{seal(header->stream, packet)};
    if (header->stream == proto::SyncStream::control) {
      pb::Packet unknown_kind;
      add_future(unknown_kind);
      out.push_back(seal(proto::SyncStream::control, unknown_kind));
      ++unknown_kinds;
    }
    return out;
  }

  uint64_t unknown_kinds = 0;

 private:
  sync::SealedPacket seal(proto::SyncStream stream, const pb::Packet& packet) {
    return sealer_.seal(stream, body_of(packet));
  }

  sync::KeyRing keys_{{sync::insecure_key("test")}, "test"};
  sync::Sealer sealer_{keys_, sync::cluster_tag("test"), sync::node_id("test", "b"),
                       static_cast<uint64_t>(kUnixMs) << 16};
};

}  // namespace

TEST_CASE("sync upgrade: fields from the future change no kind of packet") {
  std::set<size_t> kinds;
  for (const proto::SyncPacket& packet : every_kind()) {
    CAPTURE(packet.index());
    kinds.insert(packet.index());
    pb::Packet changed;
    REQUIRE(changed.ParseFromString(raw_of(proto::encode_sync_packet(packet))));
    const size_t before = changed.ByteSizeLong();
    add_future_everywhere(changed);
    // In the packet and in its body at least.
    CHECK(changed.ByteSizeLong() >= before + 2 * kFutureFields.size());
    const auto understood = proto::decode_sync_packet(body_of(changed));
    REQUIRE(understood.has_value());
    CHECK(*understood == packet);
  }
  CHECK(kinds.size() + 1 == std::variant_size_v<proto::SyncPacket>);
}

TEST_CASE("sync upgrade: a node of the next minor version is a member like any other") {
  NextVersion next;
  Link link(std::ref(next));
  link.publish(link.b, 20);  // few: the fields from the future must fit as well
  link.publish(link.a, 40);
  link.run_ms(3'000);
  CHECK(link.a.swarms.merged == 20);
  CHECK(link.b.swarms.merged == 40);
  CHECK(next.unknown_kinds > 10);

  const sync::Status status = link.a.cluster.status(link.now());
  CHECK(status.stats.dropped_malformed == 0);
  CHECK(status.stats.dropped_foreign == 0);
  CHECK(status.stats.packets_lost == 0);
  REQUIRE(status.members.size() == 1);
  CHECK(status.members[0].state == sync::MemberState::alive);
  CHECK(status.members[0].refused == "");
  // Unknown kinds count as heard once their sender is trusted.
  CHECK(2 * status.members[0].datagrams_received > 3 * next.unknown_kinds);

  link.b.cluster.leave(link.now(), link.b.out);
  link.run_ms(10);
  CHECK(Link::state_at(link.a, "b", link.now()) == sync::MemberState::left);
}
