// BanGossip: spreads bans. A new one is said again a few times within a second: at once or so is what it is
// good for.

#pragma once

#include <array>

#include "sync/ban_log.h"
#include "sync/table_gossip.h"

namespace shoal::sync {

struct BanWire {
  using Table = BanLog;
  using Changes = proto::BanChanges;
  using Ask = proto::BanAsk;

  static constexpr size_t kPacketMax = proto::kBanChangesMax;
  static constexpr int64_t kNewsPerS = kMemberBansPerS;
  static constexpr std::array<int64_t, 4> kRepeatUs = {100'000, 250'000, 450'000, 700'000};
  static constexpr Complaint kAhead = Complaint::ban_ahead;
  static constexpr const char* kAheadText =
      "a ban begins more than half a minute in the future: it is not taken before its time. Where it was "
      "made, the clock is wrong";

  static auto& of(Member& member) { return member.bans; }
  static auto& changed(Outputs& out) { return out.ban_changes; }
  static void origin_came(Outputs& /*out*/) {}  // bans are kept nowhere
  static const proto::BanPrefix& key(const proto::BanChange& change) { return change.prefix; }
};

using BanGossip = TableGossip<BanWire>;

}  // namespace shoal::sync
