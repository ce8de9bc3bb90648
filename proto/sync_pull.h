// Messages of the sync channel by which nodes find out where their records differ, and ask for records.
// Plain structs; sync_packet.h has their bytes. record_digest.h says what a digest is.

#pragma once

#include <cstdint>
#include <vector>

#include "common/result.h"
#include "common/tick.h"
#include "proto/record_digest.h"

namespace shoal::proto {

namespace pb {
class Digests;
class CellsAsk;
class CellDigests;
class PullRequest;
}  // namespace pb

// Digests travel cut to their low 48 bits.
constexpr uint64_t kDigestMask = (uint64_t{1} << 48) - 1;

// What one datagram holds.
constexpr size_t kDigestTicksMax = 180;
constexpr size_t kCellTicksMax = 8;
constexpr size_t kCellDigestsMax = 180;

// Later than any clock; keeps sums and differences of ticks in range.
constexpr common::Tick kSyncTickMax = common::Tick{1} << 52;

// "These are the digests of my ticks": of newest_tick and of those before it, each over all buckets.
struct Digests {
  uint32_t peer_timeout_s = 0;  // what ticks are counted by
  common::Tick newest_tick = 0;
  std::vector<uint64_t> sums;
  bool ask = false;  // "tell me yours at once"
  bool operator==(const Digests&) const = default;
};

// "Tell me the digests of the cells of these ticks": 1 to kCellTicksMax.
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
  uint64_t donor = 0;  // id and incarnation of the one asked
  uint64_t incarnation = 0;
  std::vector<PullPart> parts;  // empty: everything
  bool operator==(const PullRequest&) const = default;
};

void digests_to_pb(const Digests& digests, pb::Digests& out);
common::Result<Digests> digests_from_pb(const pb::Digests& in);
void cells_ask_to_pb(const CellsAsk& ask, pb::CellsAsk& out);
common::Result<CellsAsk> cells_ask_from_pb(const pb::CellsAsk& in);
void cell_digests_to_pb(const CellDigests& cells, pb::CellDigests& out);
common::Result<CellDigests> cell_digests_from_pb(const pb::CellDigests& in);
void pull_request_to_pb(const PullRequest& request, pb::PullRequest& out);
common::Result<PullRequest> pull_request_from_pb(const pb::PullRequest& in);

}  // namespace shoal::proto
