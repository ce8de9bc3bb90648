#include "proto/sync_packet.h"

#include <lz4.h>

#include <algorithm>

#include "common/check.h"
#include "proto/sync.pb.h"
#include "proto/sync_columns.h"
#include "proto/sync_header.h"

namespace shoal::proto {

namespace {

using common::ByteSpan;
using common::Endpoint;
using common::fail;
using common::Family;
using common::Result;

constexpr uint8_t kFlagLz4 = 1;  // two bytes of raw size follow, then one LZ4 block
constexpr uint8_t kMemberStateMax = 2;

std::string endpoint_bytes(const Endpoint& endpoint) {
  const auto address = endpoint.address_bytes();
  std::string out(address.begin(), address.end());
  out.push_back(static_cast<char>(endpoint.port >> 8));
  out.push_back(static_cast<char>(endpoint.port & 0xff));
  return out;
}

std::optional<Endpoint> endpoint_from(const std::string& bytes) {
  if (bytes.size() != common::compact_size(Family::v4) && bytes.size() != common::compact_size(Family::v6)) {
    return std::nullopt;
  }
  common::ByteReader reader({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  const ByteSpan address = reader.take(bytes.size() - 2);
  const uint16_t port = reader.u16();
  if (port == 0) return std::nullopt;
  return common::make_endpoint(address, port);
}

bool printable_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

void to_pb(const Heartbeat& heartbeat, pb::Heartbeat& out) {
  out.set_name(heartbeat.name);
  out.set_unix_ms(static_cast<uint64_t>(heartbeat.unix_ms));
  out.set_uptime_ms(static_cast<uint64_t>(heartbeat.uptime_ms));
  out.set_peer_timeout_s(heartbeat.peer_timeout_s);
  if (heartbeat.advertise) out.set_advertise(endpoint_bytes(*heartbeat.advertise));
  out.set_delta_sequence(heartbeat.delta_sequence);
  out.set_list_parts(heartbeat.list_parts);
  out.set_send_us(heartbeat.send_us);
  out.set_wall_ahead_ms(heartbeat.wall_ahead_ms);
  for (const auto& key_id : heartbeat.key_ids) out.mutable_key_ids()->append(key_id.begin(), key_id.end());
  out.set_minor(heartbeat.minor);
  out.set_load_permille(heartbeat.load_permille);
  for (const MemberEntry& entry : heartbeat.members) {
    pb::Member& member = *out.add_members();
    member.set_id(entry.id);
    member.set_incarnation(entry.incarnation);
    member.set_endpoint(endpoint_bytes(entry.endpoint));
    member.set_state(entry.state);
    member.set_heard_ago_ms(entry.heard_ago_ms);
    member.set_heard_by_group(entry.heard_by_group);
    member.set_delta_watermark(entry.delta_watermark);
    member.set_echo_us(entry.echo_us);
    member.set_echo_held_us(entry.echo_held_us);
    member.set_loss_permille(entry.loss_permille);
  }
}

void to_pb(const DeltaBatch& batch, pb::DeltaBatch& out) {
  out.set_peer_timeout_s(batch.peer_timeout_s);
  out.set_sent_unix_ms(static_cast<uint64_t>(batch.sent_unix_ms));
  const std::span<const Delta> deltas = batch.deltas;
  const auto first_v6 = std::partition_point(
      deltas.begin(), deltas.end(), [](const Delta& delta) { return delta.peer.family == Family::v4; });
  const size_t v4_count = static_cast<size_t>(first_v6 - deltas.begin());
  if (v4_count > 0) pack_columns(deltas.first(v4_count), *out.mutable_v4());
  if (v4_count < deltas.size()) pack_columns(deltas.subspan(v4_count), *out.mutable_v6());
}

std::string serialized(const SyncPacket& packet) {
  pb::Packet out;
  if (const auto* heartbeat = std::get_if<Heartbeat>(&packet)) to_pb(*heartbeat, *out.mutable_heartbeat());
  if (const auto* batch = std::get_if<DeltaBatch>(&packet)) to_pb(*batch, *out.mutable_deltas());
  if (const auto* leave = std::get_if<Leave>(&packet)) {
    out.mutable_leave()->set_delta_sequence(leave->delta_sequence);
  }
  if (const auto* nack = std::get_if<Nack>(&packet)) nack_to_pb(*nack, *out.mutable_nack());
  if (const auto* gone = std::get_if<Gone>(&packet)) out.mutable_gone()->set_up_to(gone->up_to);
  if (const auto* challenge = std::get_if<Challenge>(&packet)) {
    challenge_to_pb(*challenge, *out.mutable_challenge());
  }
  if (const auto* echo = std::get_if<ChallengeEcho>(&packet)) echo_to_pb(*echo, *out.mutable_echo());
  return out.SerializeAsString();
}

bool read_key_ids(const std::string& bytes, std::vector<std::array<uint8_t, 4>>& out) {
  common::ByteReader reader({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  while (reader.ok() && reader.remaining() > 0) out.push_back(reader.take_array<4>());
  return reader.ok() && out.size() <= kSyncKeyIdsMax;
}

Result<SyncPacket> from_pb(const pb::Heartbeat& in) {
  Heartbeat out;
  if (in.name().size() > kSyncNameMax || !printable_ascii(in.name())) return fail("bad name");
  if (static_cast<size_t>(in.members_size()) > kSyncMembersMax) return fail("too many members");
  if (in.delta_sequence() > kSyncSequenceMax) return fail("bad sequence");
  if (in.unix_ms() > kSyncTimeMaxMs || in.uptime_ms() > kSyncTimeMaxMs || !sane_time(in.wall_ahead_ms())) {
    return fail("bad time");
  }
  out.name = in.name();
  out.unix_ms = static_cast<int64_t>(in.unix_ms());
  out.uptime_ms = static_cast<int64_t>(in.uptime_ms());
  out.peer_timeout_s = in.peer_timeout_s();
  if (!in.advertise().empty()) {
    out.advertise = endpoint_from(in.advertise());
    if (!out.advertise) return fail("bad advertised address");
  }
  out.delta_sequence = in.delta_sequence();
  out.list_parts = in.list_parts();
  out.send_us = in.send_us();
  out.wall_ahead_ms = in.wall_ahead_ms();
  if (!read_key_ids(in.key_ids(), out.key_ids)) return fail("bad key ids");
  out.minor = in.minor();
  if (in.load_permille() > kPermilleMax) return fail("bad load");
  out.load_permille = in.load_permille();
  for (const pb::Member& member : in.members()) {
    const std::optional<Endpoint> endpoint = endpoint_from(member.endpoint());
    if (!endpoint || member.state() > kMemberStateMax || member.loss_permille() > kPermilleMax) {
      return fail("bad member");
    }
    out.members.push_back({member.id(), member.incarnation(), *endpoint, static_cast<uint8_t>(member.state()),
                           member.heard_ago_ms(), member.heard_by_group(), member.delta_watermark(),
                           member.echo_us(), member.echo_held_us(), member.loss_permille()});
  }
  return out;
}

Result<SyncPacket> from_pb(const pb::DeltaBatch& in) {
  DeltaBatch out;
  out.peer_timeout_s = in.peer_timeout_s();
  if (in.sent_unix_ms() > kSyncTimeMaxMs) return fail("bad time");
  out.sent_unix_ms = static_cast<int64_t>(in.sent_unix_ms());
  if (in.has_v4() && !unpack_columns(in.v4(), Family::v4, out.deltas)) return fail("bad IPv4 columns");
  if (in.has_v6() && !unpack_columns(in.v6(), Family::v6, out.deltas)) return fail("bad IPv6 columns");
  if (out.deltas.empty()) return fail("no deltas");
  return out;
}

Result<SyncPacket> parse(ByteSpan raw) {
  pb::Packet packet;
  if (!packet.ParseFromArray(raw.data(), static_cast<int>(raw.size()))) return fail("no packet");
  switch (packet.body_case()) {
    case pb::Packet::kHeartbeat:
      return from_pb(packet.heartbeat());
    case pb::Packet::kDeltas:
      return from_pb(packet.deltas());
    case pb::Packet::kLeave:
      if (packet.leave().delta_sequence() > kSyncSequenceMax) return fail("bad sequence");
      return Leave{packet.leave().delta_sequence()};
    case pb::Packet::kChallenge:
      return challenge_from_pb(packet.challenge());
    case pb::Packet::kEcho:
      return echo_from_pb(packet.echo());
    case pb::Packet::kNack:
      return nack_from_pb(packet.nack());
    case pb::Packet::kGone:
      if (packet.gone().up_to() > kSyncSequenceMax) return fail("bad sequence");
      return Gone{packet.gone().up_to()};
    case pb::Packet::BODY_NOT_SET:
      break;
  }
  return SyncPacket{};
}

}  // namespace

std::vector<uint8_t> encode_sync_packet(const SyncPacket& packet) {
  const std::string raw = serialized(packet);
  CHECK_INVARIANT(raw.size() <= kSyncRawMax);
  std::vector<uint8_t> body(3 + raw.size());
  // Only a result at least one byte shorter than the plain form is of use.
  const int room = static_cast<int>(raw.size()) - 3;
  const int packed = room > 0 ? LZ4_compress_default(raw.data(), reinterpret_cast<char*>(body.data()) + 3,
                                                     static_cast<int>(raw.size()), room)
                              : 0;
  if (packed > 0) {
    body[0] = kFlagLz4;
    body[1] = static_cast<uint8_t>(raw.size() >> 8);
    body[2] = static_cast<uint8_t>(raw.size());
    body.resize(3 + static_cast<size_t>(packed));
    return body;
  }
  body.resize(1 + raw.size());
  body[0] = 0;
  std::copy(raw.begin(), raw.end(), body.begin() + 1);
  return body;
}

Result<SyncPacket> decode_sync_packet(ByteSpan body) {
  common::ByteReader reader(body);
  const uint8_t flags = reader.u8();
  if (!reader.ok() || (flags & ~kFlagLz4) != 0) return fail("bad flags");
  if (flags == 0) {
    if (reader.remaining() > kSyncRawMax) return fail("too long");
    return parse(reader.rest());
  }
  const size_t raw_size = reader.u16();
  if (!reader.ok() || raw_size == 0 || raw_size > kSyncRawMax) return fail("bad raw size");
  std::vector<uint8_t> raw(raw_size);
  const ByteSpan block = reader.rest();
  const int unpacked =
      LZ4_decompress_safe(reinterpret_cast<const char*>(block.data()), reinterpret_cast<char*>(raw.data()),
                          static_cast<int>(block.size()), static_cast<int>(raw_size));
  if (unpacked < 0 || static_cast<size_t>(unpacked) != raw_size) return fail("bad LZ4 block");
  return parse(raw);
}

}  // namespace shoal::proto
