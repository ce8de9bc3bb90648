// Arrival: an authentic packet of a trusted member, and how it came. It is passed along with the message to
// the part that receives messages of that type. Valid only during that call.

#pragma once

#include "proto/sync_header.h"
#include "sync/now.h"
#include "sync/outputs.h"

namespace shoal::sync {

class Member;

struct Arrival {
  Now now;
  Member& member;
  const proto::SyncHeader& header;
  const Received& datagram;
};

}  // namespace shoal::sync
