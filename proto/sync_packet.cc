#include "proto/sync_packet.h"

#include <lz4.h>

#include <algorithm>

#include "common/check.h"
#include "proto/sync.pb.h"
#include "proto/sync_columns.h"
#include "proto/sync_header.h"

namespace shoal::proto {

namespace {

using common::bytes_of;
using common::ByteSpan;
using common::Endpoint;
using common::fail;
using common::Family;
using common::kInfoHashSize;
using common::Result;

constexpr uint8_t kFlagLz4 = 1;  // two bytes of raw size follow, then one LZ4 block

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

constexpr bool in_range(int64_t ms) { return ms >= -kSyncTimeMaxMs && ms <= kSyncTimeMaxMs; }

std::string nonce_bytes(const ChallengeNonce& nonce) { return {nonce.begin(), nonce.end()}; }

bool read_nonce(const std::string& bytes, ChallengeNonce& out) {
  if (bytes.size() != out.size()) return false;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return true;
}

constexpr size_t kDigestBytes = 6;

std::string pack_digests(const std::vector<uint64_t>& digests) {
  std::string out;
  out.reserve(digests.size() * kDigestBytes);
  for (const uint64_t digest : digests) {
    for (int shift = 40; shift >= 0; shift -= 8) out.push_back(static_cast<char>(digest >> shift));
  }
  return out;
}

bool unpack_digests(const std::string& bytes, size_t count_max, std::vector<uint64_t>& out) {
  if (bytes.empty() || bytes.size() % kDigestBytes != 0 || bytes.size() / kDigestBytes > count_max) {
    return false;
  }
  common::ByteReader reader({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  while (reader.remaining() > 0) {
    const uint64_t high = reader.u16();
    out.push_back(high << 32 | reader.u32());
  }
  return true;
}

bool read_tick(uint64_t tick, common::Tick& out) {
  out = static_cast<common::Tick>(tick);
  return tick <= static_cast<uint64_t>(kSyncTickMax);
}

bool read_key_ids(const std::string& bytes, std::vector<std::array<uint8_t, 4>>& out) {
  common::ByteReader reader({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  while (reader.ok() && reader.remaining() > 0) out.push_back(reader.take_array<4>());
  return reader.ok() && out.size() <= kSyncKeyIdsMax;
}

// Each message has a to_pb() and a from_pb(). They are overloads without a fallback: a type of SyncPacket
// that lacks one does not compile.

void to_pb(std::monostate, pb::Packet&) {}

void to_pb(const Heartbeat& heartbeat, pb::Packet& packet) {
  pb::Heartbeat& out = *packet.mutable_heartbeat();
  out.set_name(heartbeat.name);
  out.set_unix_ms(static_cast<uint64_t>(heartbeat.unix_ms));
  out.set_uptime_ms(static_cast<uint64_t>(heartbeat.uptime_ms));
  out.set_peer_timeout_s(heartbeat.peer_timeout_s);
  if (heartbeat.advertise) out.set_advertise(endpoint_bytes(*heartbeat.advertise));
  out.set_delta_sequence(heartbeat.delta_sequence);
  out.set_list_parts(heartbeat.list_parts);
  out.set_send_us(heartbeat.send_us);
  out.set_wall_ahead_ms(heartbeat.wall_ahead_ms);
  out.set_synced(heartbeat.synced);
  for (const auto& key_id : heartbeat.key_ids) out.mutable_key_ids()->append(key_id.begin(), key_id.end());
  out.set_minor(heartbeat.minor);
  out.set_load_permille(heartbeat.load_permille);
  out.set_access_digest(heartbeat.access_digest);
  out.set_ban_digest(heartbeat.ban_digest);
  out.set_web(heartbeat.web);
  out.set_numbered(heartbeat.numbered);
  out.set_sketches(heartbeat.sketches);
  out.set_site(heartbeat.site);
  for (const uint64_t id : heartbeat.forwarders) out.add_forwarders(id);
  out.set_version(heartbeat.version);
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

Result<SyncPacket> from_pb(const pb::Heartbeat& in) {
  Heartbeat out;
  if (in.name().size() > kSyncNameMax || !printable_ascii(in.name())) return fail("bad name");
  if (static_cast<size_t>(in.members_size()) > kSyncMembersMax) return fail("too many members");
  if (in.delta_sequence() > kSyncSequenceMax) return fail("bad sequence");
  if (in.unix_ms() > kSyncTimeMaxMs || in.uptime_ms() > kSyncTimeMaxMs || !in_range(in.wall_ahead_ms())) {
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
  out.synced = in.synced();
  if (!read_key_ids(in.key_ids(), out.key_ids)) return fail("bad key ids");
  out.minor = in.minor();
  if (in.load_permille() > kPermilleMax) return fail("bad load");
  out.load_permille = in.load_permille();
  out.access_digest = in.access_digest();
  out.ban_digest = in.ban_digest();
  out.web = in.web();
  out.numbered = in.numbered();
  out.sketches = in.sketches();
  if (in.site().size() > kSyncSiteMax || !printable_ascii(in.site())) return fail("bad site");
  out.site = in.site();
  if (static_cast<size_t>(in.forwarders_size()) > kSyncForwardersMax) return fail("too many forwarders");
  out.forwarders.assign(in.forwarders().begin(), in.forwarders().end());
  if (in.version().size() > kSyncVersionMax || !printable_ascii(in.version())) return fail("bad version");
  out.version = in.version();
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

// The columns of all families.
void put_columns(std::span<const Delta> deltas, HashNumbers numbers, pb::DeltaBatch& out) {
  const auto put = [&](Family family, auto columns) {
    const auto end = std::partition_point(
        deltas.begin(), deltas.end(), [family](const Delta& delta) { return delta.peer.family <= family; });
    const auto count = static_cast<size_t>(end - deltas.begin());
    if (count == 0) return;
    pack_columns(deltas.first(count), numbers, *columns());
    deltas = deltas.subspan(count);
    if (!numbers.of.empty()) numbers.of = numbers.of.subspan(count);
  };
  put(Family::v4, [&out] { return out.mutable_v4(); });
  put(Family::v6, [&out] { return out.mutable_v6(); });
  put(Family::web, [&out] { return out.mutable_web(); });
}

void to_pb(const DeltaBatch& batch, pb::Packet& packet) {
  pb::DeltaBatch& out = *packet.mutable_deltas();
  out.set_peer_timeout_s(batch.peer_timeout_s);
  out.set_sent_unix_ms(static_cast<uint64_t>(batch.sent_unix_ms));
  put_columns(batch.deltas, {}, out);
}

void to_pb(const NumberedBatch& batch, pb::Packet& packet) {
  pb::DeltaBatch& out = *packet.mutable_numbered();
  CHECK_INVARIANT(batch.numbers.size() == batch.deltas.size() && batch.first_told > 0);
  out.set_peer_timeout_s(batch.peer_timeout_s);
  out.set_sent_unix_ms(static_cast<uint64_t>(batch.sent_unix_ms));
  out.set_first_told(batch.first_told);
  put_columns(batch.deltas, {batch.numbers, batch.first_told}, out);
}

Result<SyncPacket> numbered_from_pb(const pb::DeltaBatch& in) {
  NumberedBatch out;
  out.peer_timeout_s = in.peer_timeout_s();
  if (in.sent_unix_ms() > kSyncTimeMaxMs) return fail("bad time");
  out.sent_unix_ms = static_cast<int64_t>(in.sent_unix_ms());
  out.first_told = in.first_told();
  if (out.first_told == 0 || out.first_told > kHashNumberMax) return fail("bad number");
  size_t told = 0;
  if (in.has_v4() && !unpack_columns(in.v4(), Family::v4, told, out)) return fail("bad IPv4 columns");
  if (in.has_v6() && !unpack_columns(in.v6(), Family::v6, told, out)) return fail("bad IPv6 columns");
  if (in.has_web() && !unpack_columns(in.web(), Family::web, told, out)) return fail("bad web columns");
  if (out.deltas.empty()) return fail("no deltas");
  return out;
}

// Ascending numbers as steps from one to the next.
template <class Steps>
bool read_steps(const Steps& steps, std::vector<uint64_t>& numbers) {
  uint64_t number = 0;
  for (const uint64_t step : steps) {
    if (step == 0 || step > kHashNumberMax - number) return false;
    numbers.push_back(number += step);
  }
  return numbers.size() <= kHashesMax;
}

void to_pb(const HashesAsk& ask, pb::Packet& packet) {
  pb::HashesAsk& out = *packet.mutable_hashes_ask();
  CHECK_INVARIANT(!ask.numbers.empty() && ask.numbers.size() <= kHashesMax);
  out.set_incarnation(ask.incarnation);
  uint64_t last = 0;
  for (const uint64_t number : ask.numbers) {
    out.add_steps(number - last);
    last = number;
  }
}

Result<SyncPacket> from_pb(const pb::HashesAsk& in) {
  HashesAsk out{in.incarnation(), {}};
  if (in.steps().empty() || !read_steps(in.steps(), out.numbers)) return fail("bad numbers");
  return out;
}

void to_pb(const Hashes& hashes, pb::Packet& packet) {
  pb::Hashes& out = *packet.mutable_hashes();
  CHECK_INVARIANT(hashes.hashes.size() <= kHashesMax);
  out.set_oldest(hashes.oldest);
  uint64_t last = 0;
  for (const auto& [number, info_hash] : hashes.hashes) {
    out.add_steps(number - last);
    last = number;
    out.mutable_info_hashes()->append(info_hash.bytes.begin(), info_hash.bytes.end());
  }
}

Result<SyncPacket> from_pb(const pb::Hashes& in) {
  Hashes out{in.oldest(), {}};
  std::vector<uint64_t> numbers;
  if (out.oldest > kHashNumberMax || !read_steps(in.steps(), numbers)) return fail("bad numbers");
  if (in.info_hashes().size() != numbers.size() * kInfoHashSize) return fail("bad info_hashes");
  common::ByteReader reader(bytes_of(in.info_hashes()));
  for (const uint64_t number : numbers) out.hashes.push_back({number, {reader.take_array<kInfoHashSize>()}});
  return out;
}

Result<SyncPacket> from_pb(const pb::DeltaBatch& in) {
  DeltaBatch out;
  out.peer_timeout_s = in.peer_timeout_s();
  if (in.sent_unix_ms() > kSyncTimeMaxMs) return fail("bad time");
  out.sent_unix_ms = static_cast<int64_t>(in.sent_unix_ms());
  if (in.has_v4() && !unpack_columns(in.v4(), Family::v4, out.deltas)) return fail("bad IPv4 columns");
  if (in.has_v6() && !unpack_columns(in.v6(), Family::v6, out.deltas)) return fail("bad IPv6 columns");
  if (in.has_web() && !unpack_columns(in.web(), Family::web, out.deltas)) return fail("bad web columns");
  if (out.deltas.empty()) return fail("no deltas");
  return out;
}

void to_pb(const Leave& leave, pb::Packet& packet) {
  packet.mutable_leave()->set_delta_sequence(leave.delta_sequence);
}

Result<SyncPacket> from_pb(const pb::Leave& in) {
  if (in.delta_sequence() > kSyncSequenceMax) return fail("bad sequence");
  return Leave{in.delta_sequence()};
}

void to_pb(const Nack& nack, pb::Packet& packet) {
  pb::Nack& out = *packet.mutable_nack();
  CHECK_INVARIANT(nack.ranges.size() <= kNackRangesMax);
  out.set_incarnation(nack.incarnation);
  uint64_t next = 0;
  for (const SequenceRange& range : nack.ranges) {
    out.add_spans(range.first - next);
    out.add_spans(range.size());
    next = range.last + 1;
  }
}

Result<SyncPacket> from_pb(const pb::Nack& in) {
  Nack out;
  out.incarnation = in.incarnation();
  const auto& spans = in.spans();
  if (spans.empty() || spans.size() % 2 != 0 || static_cast<size_t>(spans.size()) > 2 * kNackRangesMax) {
    return fail("bad count of spans");
  }
  uint64_t next = 0;
  for (int i = 0; i < spans.size(); i += 2) {
    const uint64_t skip = spans[i];
    const uint64_t size = spans[i + 1];
    // At least 1 each: sequences begin at 1, and ranges that touch are one range.
    if (skip == 0 || size == 0 || skip > kSyncSequenceMax || size > kSyncSequenceMax ||
        next + skip + size - 1 > kSyncSequenceMax) {
      return fail("bad span");
    }
    out.ranges.push_back({next + skip, next + skip + size - 1});
    next = next + skip + size;
  }
  return out;
}

void to_pb(const Gone& gone, pb::Packet& packet) { packet.mutable_gone()->set_up_to(gone.up_to); }

Result<SyncPacket> from_pb(const pb::Gone& in) {
  if (in.up_to() > kSyncSequenceMax) return fail("bad sequence");
  return Gone{in.up_to()};
}

void to_pb(const Challenge& challenge, pb::Packet& packet) {
  pb::Challenge& out = *packet.mutable_challenge();
  out.set_incarnation(challenge.incarnation);
  out.set_nonce(nonce_bytes(challenge.nonce));
}

Result<SyncPacket> from_pb(const pb::Challenge& in) {
  Challenge out{in.incarnation(), {}};
  if (!read_nonce(in.nonce(), out.nonce)) return fail("bad nonce");
  return out;
}

void to_pb(const ChallengeEcho& echo, pb::Packet& packet) {
  pb::ChallengeEcho& out = *packet.mutable_echo();
  out.set_nonce(nonce_bytes(echo.nonce));
  out.set_delta_sequence(echo.delta_sequence);
  out.set_uptime_ms(static_cast<uint64_t>(echo.uptime_ms));
  out.set_unix_ms(static_cast<uint64_t>(echo.unix_ms));
  out.set_wall_ahead_ms(echo.wall_ahead_ms);
}

Result<SyncPacket> from_pb(const pb::ChallengeEcho& in) {
  ChallengeEcho out;
  if (!read_nonce(in.nonce(), out.nonce)) return fail("bad nonce");
  if (in.delta_sequence() > kSyncSequenceMax) return fail("bad sequence");
  if (in.uptime_ms() > kSyncTimeMaxMs || in.unix_ms() > kSyncTimeMaxMs || !in_range(in.wall_ahead_ms())) {
    return fail("bad time");
  }
  out.delta_sequence = in.delta_sequence();
  out.uptime_ms = static_cast<int64_t>(in.uptime_ms());
  out.unix_ms = static_cast<int64_t>(in.unix_ms());
  out.wall_ahead_ms = in.wall_ahead_ms();
  return out;
}

void to_pb(const Digests& digests, pb::Packet& packet) {
  pb::Digests& out = *packet.mutable_digests();
  CHECK_INVARIANT(!digests.sums.empty() && digests.sums.size() <= kDigestTicksMax);
  out.set_peer_timeout_s(digests.peer_timeout_s);
  out.set_newest_tick(static_cast<uint64_t>(digests.newest_tick));
  out.set_sums(pack_digests(digests.sums));
  out.set_ask(digests.ask);
  out.set_partial(digests.partial);
}

Result<SyncPacket> from_pb(const pb::Digests& in) {
  Digests out;
  out.peer_timeout_s = in.peer_timeout_s();
  out.ask = in.ask();
  out.partial = in.partial();
  if (!read_tick(in.newest_tick(), out.newest_tick)) return fail("bad tick");
  if (!unpack_digests(in.sums(), kDigestTicksMax, out.sums)) return fail("bad sums");
  if (out.newest_tick < static_cast<common::Tick>(out.sums.size())) return fail("bad tick");
  return out;
}

void to_pb(const CellsAsk& ask, pb::Packet& packet) {
  pb::CellsAsk& out = *packet.mutable_cells_ask();
  CHECK_INVARIANT(!ask.ticks.empty() && ask.ticks.size() <= kCellTicksMax);
  for (const common::Tick tick : ask.ticks) out.add_ticks(static_cast<uint64_t>(tick));
}

Result<SyncPacket> from_pb(const pb::CellsAsk& in) {
  CellsAsk out;
  if (in.ticks().empty() || static_cast<size_t>(in.ticks_size()) > kCellTicksMax) return fail("bad count");
  for (const uint64_t tick : in.ticks()) {
    if (!read_tick(tick, out.ticks.emplace_back())) return fail("bad tick");
  }
  return out;
}

void to_pb(const CellDigests& cells, pb::Packet& packet) {
  pb::CellDigests& out = *packet.mutable_cells();
  CHECK_INVARIANT(!cells.digests.empty() && cells.digests.size() <= kCellDigestsMax &&
                  cells.first_bucket + cells.digests.size() <= kDigestBuckets);
  out.set_tick(static_cast<uint64_t>(cells.tick));
  out.set_first_bucket(cells.first_bucket);
  out.set_digests(pack_digests(cells.digests));
}

Result<SyncPacket> from_pb(const pb::CellDigests& in) {
  CellDigests out;
  if (!read_tick(in.tick(), out.tick)) return fail("bad tick");
  out.first_bucket = in.first_bucket();
  if (out.first_bucket >= kDigestBuckets ||
      !unpack_digests(in.digests(), std::min(kCellDigestsMax, kDigestBuckets - out.first_bucket),
                      out.digests)) {
    return fail("bad digests");
  }
  return out;
}

void to_pb(const PullRequest& request, pb::Packet& packet) {
  pb::PullRequest& out = *packet.mutable_pull();
  CHECK_INVARIANT(request.parts.size() <= kPullPartsMax);
  out.set_donor(request.donor);
  out.set_incarnation(request.incarnation);
  out.set_web(request.web);
  if (!request.sketch.empty()) {
    out.set_sketch(request.sketch.data(), request.sketch.size());
    out.set_salt_low(request.salt[0]);
    out.set_salt_high(request.salt[1]);
  }
  for (const PullPart& part : request.parts) {
    pb::PullPart& to = *out.add_parts();
    to.set_first_tick(static_cast<uint64_t>(part.first_tick));
    to.set_ticks(part.ticks);
    uint32_t next = 0;
    for (const uint32_t bucket : part.buckets) {
      to.add_bucket_skips(bucket - next);
      next = bucket + 1;
    }
  }
}

Result<SyncPacket> from_pb(const pb::PullRequest& in) {
  PullRequest out{in.donor(), in.incarnation(), {}, in.web()};
  if (static_cast<size_t>(in.parts_size()) > kPullPartsMax) return fail("too many parts");
  size_t buckets = 0;
  for (const pb::PullPart& from : in.parts()) {
    PullPart& part = out.parts.emplace_back();
    part.ticks = from.ticks();
    if (!read_tick(from.first_tick(), part.first_tick)) return fail("bad tick");
    if (part.ticks == 0 || part.ticks > kDigestStamps) return fail("bad ticks");
    buckets += static_cast<size_t>(from.bucket_skips_size());
    if (buckets > kPullBucketsMax) return fail("too many buckets");
    uint64_t next = 0;
    for (const uint32_t skip : from.bucket_skips()) {
      if (next + skip >= kDigestBuckets) return fail("bad bucket");
      part.buckets.push_back(static_cast<uint32_t>(next + skip));
      next += skip + 1;
    }
  }
  if (in.sketch().empty()) return out;
  if (RecordSketch::symbols_in(in.sketch().size()) == 0) return fail("bad sketch");
  if (out.parts.empty() || buckets > 0) return fail("bad parts of a sketch");
  out.sketch.assign(in.sketch().begin(), in.sketch().end());
  out.salt = {in.salt_low(), in.salt_high()};
  return out;
}

void put_origins(const std::vector<ForgottenOrigin>& origins, pb::Origins& out) {
  CHECK_INVARIANT(!origins.empty() && origins.size() <= kOriginsMax);
  for (const ForgottenOrigin& origin : origins) {
    out.add_node_ids(origin.node_id);
    out.add_up_to_ms(static_cast<uint64_t>(origin.up_to_ms));
  }
}

bool read_origins(const pb::Origins& in, std::vector<ForgottenOrigin>& out) {
  const auto count = static_cast<size_t>(in.node_ids_size());
  if (count == 0 || count > kOriginsMax || static_cast<size_t>(in.up_to_ms_size()) != count) return false;
  out.reserve(count);
  for (int i = 0; i < in.node_ids_size(); ++i) {
    if (in.up_to_ms(i) > static_cast<uint64_t>(kSyncTimeMaxMs)) return false;
    out.push_back({in.node_ids(i), static_cast<int64_t>(in.up_to_ms(i))});
  }
  return true;
}

void to_pb(const AccessChanges& changes, pb::Packet& packet) {
  pb::AccessChanges& out = *packet.mutable_access_changes();
  if (!changes.origins.empty()) {
    CHECK_INVARIANT(changes.changes.empty());
    return put_origins(changes.origins, *out.mutable_forgotten());
  }
  CHECK_INVARIANT(!changes.changes.empty() && changes.changes.size() <= kAccessChangesMax);
  for (const AccessChange& change : changes.changes) {
    const auto& hash = change.info_hash.bytes;
    out.mutable_info_hashes()->append(hash.begin(), hash.end());
    out.add_listed(change.listed);
    out.add_unix_ms(static_cast<uint64_t>(change.stamp.unix_ms));
    out.add_node_ids(change.stamp.node_id);
  }
}

Result<SyncPacket> from_pb(const pb::AccessChanges& in) {
  AccessChanges out;
  const size_t count = in.info_hashes().size() / kInfoHashSize;
  if (in.has_forgotten()) {
    if (!read_origins(in.forgotten(), out.origins) || count != 0) return fail("bad origins");
    return out;
  }
  if (count == 0 || count > kAccessChangesMax || in.info_hashes().size() % kInfoHashSize != 0) {
    return fail("bad count of changes");
  }
  for (const int column : {in.listed_size(), in.unix_ms_size(), in.node_ids_size()}) {
    if (static_cast<size_t>(column) != count) return fail("bad columns of changes");
  }
  common::ByteReader hashes(bytes_of(in.info_hashes()));
  for (size_t i = 0; i < count; ++i) {
    const auto at = static_cast<int>(i);
    if (in.unix_ms(at) > static_cast<uint64_t>(kSyncTimeMaxMs)) return fail("bad time");
    out.changes.push_back({{hashes.take_array<kInfoHashSize>()},
                           in.listed(at),
                           {static_cast<int64_t>(in.unix_ms(at)), in.node_ids(at)}});
  }
  return out;
}

// AccessAsk and BanAsk.
template <class Ask, class Out>
void put_ask(const Ask& ask, Out& out) {
  std::array<uint8_t, kTableBuckets * 4> bytes;
  common::ByteWriter writer(bytes);
  for (const uint32_t digest : ask.digests) writer.u32(digest);
  out.set_digests(bytes.data(), bytes.size());
  out.set_origins(ask.origins);
}

template <class Ask, class In>
Result<SyncPacket> read_ask(const In& in) {
  if (in.digests().size() != kTableBuckets * 4) return fail("bad digests");
  Ask out;
  common::ByteReader reader(bytes_of(in.digests()));
  for (uint32_t& digest : out.digests) digest = reader.u32();
  out.origins = in.origins();
  return out;
}

void to_pb(const AccessAsk& ask, pb::Packet& packet) { put_ask(ask, *packet.mutable_access_ask()); }

Result<SyncPacket> from_pb(const pb::AccessAsk& in) { return read_ask<AccessAsk>(in); }

constexpr uint8_t kLifted = 0x80;

void to_pb(const BanChanges& changes, pb::Packet& packet) {
  pb::BanChanges& out = *packet.mutable_ban_changes();
  if (!changes.origins.empty()) {
    CHECK_INVARIANT(changes.changes.empty());
    return put_origins(changes.origins, *out.mutable_forgotten());
  }
  CHECK_INVARIANT(!changes.changes.empty() && changes.changes.size() <= kBanChangesMax);
  for (const BanChange& change : changes.changes) {
    out.mutable_prefixes()->append(change.prefix.begin(), change.prefix.end());
    const auto offence = static_cast<uint8_t>(change.term.offence);
    out.mutable_terms()->push_back(static_cast<char>(change.term.lifted ? offence | kLifted : offence));
    out.mutable_terms()->push_back(static_cast<char>(change.term.level));
    out.add_durations_s(change.term.duration_s);
    out.add_unix_ms(static_cast<uint64_t>(change.stamp.unix_ms));
    out.add_node_ids(change.stamp.node_id);
  }
}

// An address in the one form that it has.
bool is_ban_prefix(const BanPrefix& prefix) {
  if (prefix[0] == static_cast<uint8_t>(common::Family::v6)) return true;
  return prefix[0] == static_cast<uint8_t>(common::Family::v4) &&
         std::all_of(prefix.begin() + 5, prefix.end(), [](uint8_t byte) { return byte == 0; });
}

Result<SyncPacket> from_pb(const pb::BanChanges& in) {
  BanChanges out;
  constexpr size_t kPrefixSize = std::tuple_size_v<BanPrefix>;
  const size_t count = in.prefixes().size() / kPrefixSize;
  if (in.has_forgotten()) {
    if (!read_origins(in.forgotten(), out.origins) || count != 0) return fail("bad origins");
    return out;
  }
  if (count == 0 || count > kBanChangesMax || in.prefixes().size() % kPrefixSize != 0 ||
      in.terms().size() != 2 * count) {
    return fail("bad count of bans");
  }
  for (const int column : {in.durations_s_size(), in.unix_ms_size(), in.node_ids_size()}) {
    if (static_cast<size_t>(column) != count) return fail("bad columns of bans");
  }
  common::ByteReader prefixes(bytes_of(in.prefixes()));
  common::ByteReader terms(bytes_of(in.terms()));
  for (size_t i = 0; i < count; ++i) {
    const auto at = static_cast<int>(i);
    BanChange change;
    change.prefix = prefixes.take_array<kPrefixSize>();
    const uint8_t offence = terms.u8();
    change.term.lifted = (offence & kLifted) != 0;
    change.term.offence = static_cast<Offence>(offence & ~kLifted);
    change.term.level = terms.u8();
    change.term.duration_s = in.durations_s(at);
    if (!is_ban_prefix(change.prefix)) return fail("bad address");
    if ((offence & ~kLifted) >= static_cast<int>(kOffences) || change.term.level > kBanLevelMax ||
        change.term.duration_s > kBanLongestS) {
      return fail("bad term of a ban");
    }
    if (in.unix_ms(at) > static_cast<uint64_t>(kSyncTimeMaxMs)) return fail("bad time");
    change.stamp = {static_cast<int64_t>(in.unix_ms(at)), in.node_ids(at)};
    out.changes.push_back(change);
  }
  return out;
}

void to_pb(const BanAsk& ask, pb::Packet& packet) { put_ask(ask, *packet.mutable_ban_ask()); }

Result<SyncPacket> from_pb(const pb::BanAsk& in) { return read_ask<BanAsk>(in); }

void to_pb(const ClientLoad& load, pb::Packet& packet) {
  pb::ClientLoad& out = *packet.mutable_client_load();
  out.set_announces_per_s(load.announces_per_s);
  out.set_interval_s(load.interval_s);
}

Result<SyncPacket> from_pb(const pb::ClientLoad& in) {
  if (in.interval_s() > kSyncIntervalMaxS) return fail("bad interval");
  return ClientLoad{in.announces_per_s(), in.interval_s()};
}

void to_pb(const NameTaken& taken, pb::Packet& packet) {
  pb::NameTaken& out = *packet.mutable_name_taken();
  out.set_incarnation(taken.incarnation);
  out.set_holder(endpoint_bytes(taken.holder));
}

Result<SyncPacket> from_pb(const pb::NameTaken& in) {
  const std::optional<Endpoint> holder = endpoint_from(in.holder());
  if (!holder) return fail("bad address");
  return NameTaken{in.incarnation(), *holder};
}

void to_pb(const Forget& forget, pb::Packet& packet) {
  pb::Forget& out = *packet.mutable_forget();
  out.set_id(forget.id);
  out.set_incarnation(forget.incarnation);
}

Result<SyncPacket> from_pb(const pb::Forget& in) { return Forget{in.id(), in.incarnation()}; }

void to_pb(const Relay& relay, pb::Packet& packet) {
  CHECK_INVARIANT(relay.part < relay.parts && relay.parts <= kRelayPartsMax && !relay.bytes.empty() &&
                  relay.bytes.size() <= kRelayPartMax);
  pb::Relay& out = *packet.mutable_relay();
  out.set_incarnation(relay.incarnation);
  out.set_message(relay.message);
  out.set_parts(relay.parts);
  out.set_part(relay.part);
  out.set_bytes(relay.bytes.data(), relay.bytes.size());
}

Result<SyncPacket> from_pb(const pb::Relay& in) {
  if (in.message() == 0) return fail("bad number of a message");
  if (in.parts() == 0 || in.parts() > kRelayPartsMax || in.part() >= in.parts()) return fail("bad part");
  const bool last = in.part() + 1 == in.parts();
  const size_t size = in.bytes().size();
  if (size == 0 || size > kRelayPartMax || (!last && size != kRelayPartMax))
    return fail("bad size of a part");
  if (in.part() * kRelayPartMax + size > kRelayMax) return fail("message too long");
  const ByteSpan bytes = bytes_of(in.bytes());
  return Relay{in.incarnation(), in.message(), in.parts(), in.part(), {bytes.begin(), bytes.end()}};
}

// No default: a message of sync.proto that is not handled does not compile.
Result<SyncPacket> parse(ByteSpan raw) {
  pb::Packet packet;
  if (!packet.ParseFromArray(raw.data(), static_cast<int>(raw.size()))) return fail("no packet");
  switch (packet.body_case()) {
    case pb::Packet::kHeartbeat:
      return from_pb(packet.heartbeat());
    case pb::Packet::kDeltas:
      return from_pb(packet.deltas());
    case pb::Packet::kLeave:
      return from_pb(packet.leave());
    case pb::Packet::kChallenge:
      return from_pb(packet.challenge());
    case pb::Packet::kEcho:
      return from_pb(packet.echo());
    case pb::Packet::kNack:
      return from_pb(packet.nack());
    case pb::Packet::kGone:
      return from_pb(packet.gone());
    case pb::Packet::kNumbered:
      return numbered_from_pb(packet.numbered());
    case pb::Packet::kHashesAsk:
      return from_pb(packet.hashes_ask());
    case pb::Packet::kHashes:
      return from_pb(packet.hashes());
    case pb::Packet::kAccessChanges:
      return from_pb(packet.access_changes());
    case pb::Packet::kAccessAsk:
      return from_pb(packet.access_ask());
    case pb::Packet::kBanChanges:
      return from_pb(packet.ban_changes());
    case pb::Packet::kBanAsk:
      return from_pb(packet.ban_ask());
    case pb::Packet::kClientLoad:
      return from_pb(packet.client_load());
    case pb::Packet::kNameTaken:
      return from_pb(packet.name_taken());
    case pb::Packet::kForget:
      return from_pb(packet.forget());
    case pb::Packet::kDigests:
      return from_pb(packet.digests());
    case pb::Packet::kCellsAsk:
      return from_pb(packet.cells_ask());
    case pb::Packet::kCells:
      return from_pb(packet.cells());
    case pb::Packet::kPull:
      return from_pb(packet.pull());
    case pb::Packet::kRelay:
      return from_pb(packet.relay());
    case pb::Packet::BODY_NOT_SET:
      break;
  }
  return SyncPacket{};
}

bool has_sketch(const SyncPacket& packet) {
  const auto* request = std::get_if<PullRequest>(&packet);
  return request != nullptr && !request->sketch.empty();
}

}  // namespace

std::vector<uint8_t> encode_sync_packet(const SyncPacket& packet) {
  pb::Packet out;
  std::visit([&out](const auto& message) { to_pb(message, out); }, packet);
  const std::string raw = out.SerializeAsString();
  const bool sketch = has_sketch(packet);
  CHECK_INVARIANT(raw.size() <= (sketch ? kSyncRequestBodyMax - 1 : kSyncRawMax));
  std::vector<uint8_t> body(3 + raw.size());
  // Only a result at least one byte shorter than the plain form is of use. A sketch has no pattern.
  const int room = sketch ? 0 : static_cast<int>(raw.size()) - 3;
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
    const size_t size = reader.remaining();
    if (size > kSyncRequestBodyMax) return fail("too long");
    auto packet = parse(reader.rest());
    if (packet && size > kSyncRawMax && !has_sketch(*packet)) return fail("too long");
    return packet;
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
