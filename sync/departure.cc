#include "sync/departure.h"

#include <algorithm>
#include <limits>

namespace shoal::sync {

namespace {

// A Leave is answered at once; if either is lost, the next makes up for it.
constexpr int64_t kLeaveEveryUs = 50'000;

}  // namespace

bool Departure::must_know(const Member& member, int64_t now_us) const {
  return !*member.knows_we_left && !member.left() && member.liveness(now_us) != Liveness::down;
}

bool Departure::complete(Now now) const {
  return left_ && std::none_of(members_.all().begin(), members_.all().end(),
                               [&](const auto& entry) { return must_know(entry.second, now.mono_us); });
}

int64_t Departure::announce(Now now, Outputs& out) {
  if (complete(now)) return std::numeric_limits<int64_t>::max();
  const SealedPacket packet = sender_.seal_control(proto::Leave{sender_.delta_sequence()});
  for (const auto& [id, member] : members_.all()) {
    if (must_know(member, now.mono_us)) sender_.send(member.address(), packet, out);
  }
  return now.mono_us + kLeaveEveryUs;
}

void Departure::hear(Member& member, const proto::MemberEntry& entry) {
  // One that is refused gets no deltas.
  const bool has_all = member.refused() || entry.delta_watermark >= sender_.delta_sequence();
  if (left_ && static_cast<Liveness>(entry.state) == Liveness::down && has_all) {
    member.knows_we_left.mine() = true;
  }
}

}  // namespace shoal::sync
