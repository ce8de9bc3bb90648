// AccessChange: one run-time change of the access list, as nodes exchange it.

#pragma once

#include "common/info_hash.h"
#include "proto/change_stamp.h"

namespace shoal::proto {

struct AccessChange {
  common::InfoHash info_hash;
  bool listed = false;  // added to the list; false: removed
  ChangeStamp stamp;
  bool operator==(const AccessChange&) const = default;
};

}  // namespace shoal::proto
