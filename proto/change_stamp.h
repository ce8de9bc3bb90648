// ChangeStamp: when and where a change was made that nodes exchange; and ForgottenOrigin, which takes changes
// back.

#pragma once

#include <compare>
#include <cstdint>

namespace shoal::proto {

// The last writer wins: the later time, at equal times the greater node id.
struct ChangeStamp {
  int64_t unix_ms = 0;  // cluster time
  uint64_t node_id = 0;
  auto operator<=>(const ChangeStamp&) const = default;
};

// Instead of the id of a node, where what was changed is taken back: whoever holds the cluster's key can make
// changes under any id. No node has it.
constexpr uint64_t kEverybody = 0;

// All changes that this node made up to this time are void: an operator no longer trusts it.
struct ForgottenOrigin {
  uint64_t node_id = kEverybody;
  int64_t up_to_ms = 0;  // cluster time
  bool operator==(const ForgottenOrigin&) const = default;
};

}  // namespace shoal::proto
