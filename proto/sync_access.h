// Messages of the sync channel about the access list. Plain structs; sync_packet.h has their bytes.

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/result.h"
#include "proto/access_change.h"

namespace shoal::proto {

namespace pb {
class AccessChanges;
class AccessAsk;
}  // namespace pb

// Changes in one packet: its body then fits a datagram whatever they are.
constexpr size_t kAccessChangesMax = 28;

// To be encoded: 1 to kAccessChangesMax of them.
struct AccessChanges {
  std::vector<AccessChange> changes;
  bool operator==(const AccessChanges&) const = default;
};

// "Send me your changes of those buckets where this is not your digest." By the first byte of the info_hash.
constexpr size_t kAccessBuckets = 256;

struct AccessAsk {
  std::array<uint32_t, kAccessBuckets> digests{};
  bool operator==(const AccessAsk&) const = default;
};

void access_changes_to_pb(const AccessChanges& changes, pb::AccessChanges& out);
common::Result<AccessChanges> access_changes_from_pb(const pb::AccessChanges& in);
void access_ask_to_pb(const AccessAsk& ask, pb::AccessAsk& out);
common::Result<AccessAsk> access_ask_from_pb(const pb::AccessAsk& in);

}  // namespace shoal::proto
