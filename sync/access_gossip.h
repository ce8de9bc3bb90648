// AccessGossip: spreads the run-time changes of the access list.

#pragma once

#include <array>

#include "sync/access_log.h"
#include "sync/table_gossip.h"

namespace shoal::sync {

struct AccessWire {
  using Table = AccessLog;
  using Changes = proto::AccessChanges;
  using Ask = proto::AccessAsk;

  static constexpr size_t kPacketMax = proto::kAccessChangesMax;
  static constexpr int64_t kNewsPerS = 0;  // as fast as they come
  static constexpr std::array<int64_t, 0> kRepeatUs{};
  static constexpr Complaint kAhead = Complaint::access_ahead;
  static constexpr const char* kAheadText =
      "a change of the access list is stamped more than a day in the future: it is not taken. Where it was "
      "made, the clock is or was wrong: make it there once more";

  static auto& of(Member& member) { return member.access; }
  static auto& changed(Outputs& out) { return out.access_changes; }
  static void origin_came(Outputs& out) { out.access_origins = true; }
  static const common::InfoHash& key(const proto::AccessChange& change) { return change.info_hash; }
};

using AccessGossip = TableGossip<AccessWire>;

}  // namespace shoal::sync
