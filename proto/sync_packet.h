// SyncPacket: the body of a sync datagram, one of the messages of the sync channel. Messages are plain
// structs here, and bytes on the wire: sync.proto behind one byte of flags, compressed with LZ4 where that is
// smaller.
//
// To add a message: sync.proto, a struct and an alternative of SyncPacket here, to_pb() and from_pb() in
// sync_packet.cc, and a receive() of one part of sync/. The compiler finds each of these places.

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
#include "common/tick.h"
#include "proto/access_change.h"
#include "proto/ban_change.h"
#include "proto/delta.h"
#include "proto/record_digest.h"
#include "proto/record_sketch.h"

namespace shoal::proto {

// Limits of what is decoded.
constexpr size_t kSyncRawMax = 8192;  // a body before compression
constexpr size_t kSyncNameMax = 255;
constexpr size_t kSyncVersionMax = 24;
constexpr size_t kSyncSiteMax = 16;
constexpr size_t kSyncForwardersMax = 16;  // in one heartbeat
constexpr uint32_t kSyncIntervalMaxS = 604'800;
constexpr size_t kSyncMembersMax = 64;  // in one heartbeat
constexpr size_t kSyncKeyIdsMax = 8;    // in one heartbeat
constexpr uint32_t kPermilleMax = 1000;
constexpr uint8_t kMemberStateMax = 2;

// Later than any useful time or tick; keeps sums and differences of them in range.
constexpr int64_t kSyncTimeMaxMs = int64_t{1} << 52;
constexpr common::Tick kSyncTickMax = common::Tick{1} << 52;

// What a heartbeat says about another node; see sync.proto.
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

// Upper limits: the bytes of one entry in a heartbeat, and of everything but the entries and the name.
constexpr size_t kMemberEntryBytesMax = 76;
constexpr size_t kHeartbeatBytesMax = 175;
// And of what a node with a site says about that.
constexpr size_t kHeartbeatSiteBytesMax = 3 + kSyncSiteMax + 4 + 8 * kSyncForwardersMax;

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
  uint32_t ban_digest = 0;
  bool synced = false;
  std::string version{};               // of the program; printable ASCII
  bool web = false;                    // takes records of web peers, and relays
  bool numbered = false;               // reads NumberedBatch
  bool sketches = false;               // answers pulls by sketches
  std::string site{};                  // printable ASCII; empty: none
  std::vector<uint64_t> forwarders{};  // ids of members, one of each other site
  bool operator==(const Heartbeat&) const = default;
};

// To be encoded: sorted by delta_before.
struct DeltaBatch {
  uint32_t peer_timeout_s = 0;
  std::vector<Delta> deltas;
  int64_t sent_unix_ms = 0;  // cluster time; 0: unknown
  bool operator==(const DeltaBatch&) const = default;
};

// Of each delta the number of its info_hash, where that is below `first_told`; else it is told in full.
// Empty: all are.
struct HashNumbers {
  std::span<const uint64_t> of{};
  uint64_t first_told = 0;
  bool by_number(size_t i) const { return !of.empty() && of[i] != 0 && of[i] < first_told; }
};

constexpr uint64_t kHashNumberMax = uint64_t{1} << 48;

// A DeltaBatch of an origin that numbers the info_hashes it tells, from 1, so that it need not tell them
// again.
struct NumberedBatch {
  uint32_t peer_timeout_s = 0;
  // In each family first those by number, the highest first, without their info_hash; then the others by
  // delta_before.
  std::vector<Delta> deltas;
  std::vector<uint64_t> numbers;  // of each delta; to be encoded: 0 where it is told
  uint64_t first_told = 1;        // the numbers from here on are of those told, as they come
  int64_t sent_unix_ms = 0;       // as in DeltaBatch
  bool operator==(const NumberedBatch&) const = default;
};

// So that the answer always fits a datagram.
constexpr size_t kHashesMax = 45;

// "Tell me these info_hashes of yours": 1 to kHashesMax numbers, ascending.
struct HashesAsk {
  uint64_t incarnation = 0;  // of the receiver
  std::vector<uint64_t> numbers;
  bool operator==(const HashesAsk&) const = default;
};

struct NumberedHash {
  uint64_t number = 0;
  common::InfoHash info_hash;
  bool operator==(const NumberedHash&) const = default;
};

// The answer: at most kHashesMax, ascending.
struct Hashes {
  uint64_t oldest = 1;  // those with lower numbers are gone
  std::vector<NumberedHash> hashes;
  bool operator==(const Hashes&) const = default;
};

struct Leave {
  uint64_t delta_sequence = 0;
  bool operator==(const Leave&) const = default;
};

// Packets of a stream, both ends included.
struct SequenceRange {
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t size() const { return last - first + 1; }
  bool operator==(const SequenceRange&) const = default;
};

// Ranges in one Nack, so that its body always fits a datagram.
constexpr size_t kNackRangesMax = 64;

// "Send me these again": delta packets of the receiver's incarnation. To be encoded: ascending, disjoint and
// not adjacent.
struct Nack {
  uint64_t incarnation = 0;
  std::vector<SequenceRange> ranges;
  bool operator==(const Nack&) const = default;
};

// The answer for packets that the origin does not have any more.
struct Gone {
  uint64_t up_to = 0;
  bool operator==(const Gone&) const = default;
};

using ChallengeNonce = std::array<uint8_t, 16>;

// "Prove that you are running now": to an incarnation that is not trusted yet.
struct Challenge {
  uint64_t incarnation = 0;  // of the node challenged
  ChallengeNonce nonce{};
  bool operator==(const Challenge&) const = default;
};

struct ChallengeEcho {
  ChallengeNonce nonce{};
  uint64_t delta_sequence = 0;  // as in a heartbeat
  int64_t uptime_ms = 0;
  int64_t unix_ms = 0;        // cluster time, as in a heartbeat
  int64_t wall_ahead_ms = 0;  // as in a heartbeat
  bool operator==(const ChallengeEcho&) const = default;
};

// Digests travel cut to their low 48 bits.
constexpr uint64_t kDigestMask = (uint64_t{1} << 48) - 1;

// What one datagram holds.
constexpr size_t kDigestTicksMax = 180;
constexpr size_t kCellTicksMax = 8;
constexpr size_t kCellDigestsMax = 180;

// "These are the digests of my ticks": of newest_tick and of those before it, each over all buckets.
struct Digests {
  uint32_t peer_timeout_s = 0;  // ticks are counted by it
  common::Tick newest_tick = 0;
  std::vector<uint64_t> sums;
  bool ask = false;  // "send me yours at once"
  // "I have given up records for lack of memory": differences are no reason to pull, on either side.
  bool partial = false;
  bool operator==(const Digests&) const = default;
};

// "Send me the digests of the cells of these ticks": 1 to kCellTicksMax.
struct CellsAsk {
  std::vector<common::Tick> ticks;
  bool operator==(const CellsAsk&) const = default;
};

// Of one tick, for buckets from `first_bucket` on.
struct CellDigests {
  common::Tick tick = 0;
  uint32_t first_bucket = 0;
  std::vector<uint64_t> digests;
  bool operator==(const CellDigests&) const = default;
};

// Records of some ticks, and of these of some buckets.
struct PullPart {
  common::Tick first_tick = 0;
  uint32_t ticks = 1;             // from first_tick on, at most kDigestStamps
  std::vector<uint32_t> buckets;  // ascending; empty: all
  bool operator==(const PullPart&) const = default;
};

// What fits a request whatever the ticks and buckets are.
constexpr size_t kPullPartsMax = 32;
constexpr size_t kPullBucketsMax = 384;

// "Send me your records", of all ticks or of some parts. Only in a request by TCP, never in a datagram.
struct PullRequest {
  uint64_t donor = 0;  // id and incarnation of the node asked
  uint64_t incarnation = 0;
  std::vector<PullPart> parts;  // empty: everything
  bool web = false;             // of web peers too
  // RecordSketch::bytes() of what the asking node holds of these parts, which have no buckets: what it lacks
  // is wanted. Empty: all of the parts.
  std::vector<uint8_t> sketch{};
  SketchSalt salt{};  // of the sketch
  bool operator==(const PullRequest&) const = default;
};

// Changes in one packet, so that its body always fits a datagram.
constexpr size_t kAccessChangesMax = 28;

constexpr size_t kOriginsMax = 32;

// To be encoded: 1 to kAccessChangesMax changes, or 1 to kOriginsMax origins.
struct AccessChanges {
  std::vector<AccessChange> changes;
  std::vector<ForgottenOrigin> origins{};
  bool operator==(const AccessChanges&) const = default;
};

constexpr size_t kTableBuckets = 256;
using TableDigests = std::array<uint32_t, kTableBuckets>;

// "Send me your changes of those buckets whose digest differs from this". By the first byte of the info_hash.
struct AccessAsk {
  TableDigests digests{};
  uint32_t origins = 0;
  bool operator==(const AccessAsk&) const = default;
};

constexpr size_t kBanChangesMax = 28;

// To be encoded: 1 to kBanChangesMax changes, or 1 to kOriginsMax origins.
struct BanChanges {
  std::vector<BanChange> changes;
  std::vector<ForgottenOrigin> origins{};
  bool operator==(const BanChanges&) const = default;
};

// The same of bans.
struct BanAsk {
  TableDigests digests{};
  uint32_t origins = 0;
  bool operator==(const BanAsk&) const = default;
};

// How busy the sender's clients are; see sync.proto.
struct ClientLoad {
  uint32_t announces_per_s = 0;
  uint32_t interval_s = 0;
  bool operator==(const ClientLoad&) const = default;
};

// "You are refused: another node has your name."
struct NameTaken {
  uint64_t incarnation = 0;  // of the one that is refused
  common::Endpoint holder;   // where the other one is reached; port not 0
  bool operator==(const NameTaken&) const = default;
};

// "Drop this member, if you do not hear it": see sync.proto.
struct Forget {
  uint64_t id = 0;
  uint64_t incarnation = 0;
  bool operator==(const Forget&) const = default;
};

constexpr size_t kRelayPartMax = 1100;
constexpr size_t kRelayMax = 16 * 1024;  // a whole message
constexpr uint32_t kRelayPartsMax = (kRelayMax + kRelayPartMax - 1) / kRelayPartMax;

// A part of a message between web peers of two nodes. To be encoded: each part but the last is full.
struct Relay {
  uint64_t incarnation = 0;  // of the receiver
  uint64_t message = 0;      // its number; not 0
  uint32_t parts = 1;
  uint32_t part = 0;
  std::vector<uint8_t> bytes{};
  bool operator==(const Relay&) const = default;
};

// monostate: a message of a later minor version.
using SyncPacket =
    std::variant<std::monostate, Heartbeat, DeltaBatch, Leave, Nack, Gone, Challenge, ChallengeEcho, Digests,
                 CellsAsk, CellDigests, PullRequest, AccessChanges, AccessAsk, ClientLoad, NameTaken, Forget,
                 BanChanges, BanAsk, Relay, NumberedBatch, HashesAsk, Hashes>;

// The order of a packet's columns: family, info_hash, peer.
inline bool delta_before(const Delta& a, const Delta& b) {
  if (a.peer.family != b.peer.family) return a.peer.family < b.peer.family;
  if (const auto order = a.info_hash <=> b.info_hash; order != 0) return order < 0;
  return a.peer < b.peer;
}

// How many deltas from the front of `sorted` make a batch of at most `raw_bytes_max` bytes before
// compression; at least one if there is any and raw_bytes_max is 128 or more. With numbers: in the order of
// NumberedBatch.
size_t fitting_deltas(std::span<const Delta> sorted, size_t raw_bytes_max, const HashNumbers& numbers = {});

// The body, flags byte included. May exceed what a datagram holds if the packet was too large and did not
// compress.
std::vector<uint8_t> encode_sync_packet(const SyncPacket& packet);

// All or nothing: a body with any length, count, state or port that contradicts the rest is refused.
common::Result<SyncPacket> decode_sync_packet(common::ByteSpan body);

}  // namespace shoal::proto
