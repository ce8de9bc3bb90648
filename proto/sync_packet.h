// The body of a sync datagram: plain structs, and their bytes (sync.proto behind one flags byte, LZ4 where
// that is smaller).

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/result.h"
#include "proto/delta.h"
#include "proto/sync_access.h"
#include "proto/sync_pull.h"
#include "proto/sync_repair.h"

namespace shoal::proto {

// Limits of what is decoded.
constexpr size_t kSyncRawMax = 8192;  // a body before compression
constexpr size_t kSyncNameMax = 255;
constexpr uint32_t kSyncIntervalMaxS = 604'800;
constexpr size_t kSyncMembersMax = 64;  // in one heartbeat
constexpr size_t kSyncKeyIdsMax = 8;    // in one heartbeat
constexpr uint32_t kPermilleMax = 1000;

// What a heartbeat tells about another node; see sync.proto.
struct MemberEntry {
  uint64_t id = 0;
  uint64_t incarnation = 0;
  common::Endpoint endpoint;  // port not 0
  uint8_t state = 0;          // sync::MemberState
  uint32_t heard_ago_ms = 0;
  bool heard_by_group = false;
  uint64_t delta_watermark = 0;
  uint32_t echo_us = 0;
  uint32_t echo_held_us = 0;  // 0: no echo
  uint32_t loss_permille = 0;
  bool operator==(const MemberEntry&) const = default;
};

// The most bytes one entry takes in a heartbeat, and those of everything but the entries and the name.
constexpr size_t kMemberEntryBytesMax = 76;
constexpr size_t kHeartbeatBytesMax = 133;

struct Heartbeat {
  std::string name;  // printable ASCII
  int64_t unix_ms = 0;
  int64_t uptime_ms = 0;
  uint32_t peer_timeout_s = 0;
  std::optional<common::Endpoint> advertise;
  uint64_t delta_sequence = 0;
  uint32_t list_parts = 0;
  std::vector<MemberEntry> members;
  uint32_t send_us = 0;
  int64_t wall_ahead_ms = 0;
  std::vector<std::array<uint8_t, 4>> key_ids{};  // the first seals
  uint32_t minor = 0;
  uint32_t load_permille = 0;
  uint32_t access_digest = 0;
  bool synced = false;
  bool operator==(const Heartbeat&) const = default;
};

// To be encoded: sorted by delta_before.
struct DeltaBatch {
  uint32_t peer_timeout_s = 0;
  std::vector<Delta> deltas;
  int64_t sent_unix_ms = 0;  // cluster time; 0: not told
  bool operator==(const DeltaBatch&) const = default;
};

// What the sender's clients do, and are told; see sync.proto.
struct ClientLoad {
  uint32_t announces_per_s = 0;
  uint32_t interval_s = 0;
  bool operator==(const ClientLoad&) const = default;
};

struct Leave {
  uint64_t delta_sequence = 0;
  bool operator==(const Leave&) const = default;
};

// monostate: a body of a later minor version.
using SyncPacket =
    std::variant<std::monostate, Heartbeat, DeltaBatch, Leave, Nack, Gone, Challenge, ChallengeEcho, Digests,
                 CellsAsk, CellDigests, PullRequest, AccessChanges, AccessAsk, ClientLoad>;

// The order of a packet's columns: family, info_hash, peer.
inline bool delta_before(const Delta& a, const Delta& b) {
  if (a.peer.family != b.peer.family) return a.peer.family < b.peer.family;
  if (const auto order = a.info_hash <=> b.info_hash; order != 0) return order < 0;
  return a.peer < b.peer;
}

// How many deltas from the front of `sorted` make a batch of at most `raw_bytes_max` bytes before
// compression; at least one if there is any and raw_bytes_max is 128 or more.
size_t fitting_deltas(std::span<const Delta> sorted, size_t raw_bytes_max);

// The body, flags byte included. May exceed what a datagram holds if the packet was too large and did not
// compress.
std::vector<uint8_t> encode_sync_packet(const SyncPacket& packet);

// All or nothing: a body with any length, count, state or port that does not agree with the rest is refused.
common::Result<SyncPacket> decode_sync_packet(common::ByteSpan body);

}  // namespace shoal::proto
