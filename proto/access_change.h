// AccessChange: one run-time change of the access list, as nodes exchange it.

#pragma once

#include <compare>
#include <cstdint>

#include "common/info_hash.h"

namespace shoal::proto {

// The last writer wins: the later time, at equal times the greater node id.
struct AccessStamp {
  int64_t unix_ms = 0;  // cluster time
  uint64_t node_id = 0;
  auto operator<=>(const AccessStamp&) const = default;
};

struct AccessChange {
  common::InfoHash info_hash;
  bool listed = false;  // added to the list; false: removed
  AccessStamp stamp;
  bool operator==(const AccessChange&) const = default;
};

}  // namespace shoal::proto
