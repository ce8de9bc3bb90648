#include "sync/differences.h"

namespace shoal::sync {

void Differences::compare(const proto::Digests& theirs, const StampDigests& own, common::Tick now) {
  std::map<common::Tick, Seen> seen;
  common::Tick tick = theirs.newest_tick;
  for (const uint64_t sum : theirs.sums) {
    const common::Tick age = now - tick;
    const uint64_t digest = (sum ^ own[common::stamp_of(tick)]) & proto::kDigestMask;
    if (age >= kCompareFromAge && age <= kCompareToAge && digest != 0) {
      const auto before = seen_.find(tick);
      const bool again = before != seen_.end();
      seen[tick] = {digest, again, again && before->second.digest == digest};
    }
    --tick;
  }
  seen_ = std::move(seen);
}

std::vector<common::Tick> Differences::picked(bool steady) const {
  std::vector<common::Tick> ticks;
  for (const auto& [tick, seen] : seen_) {
    if (seen.again && seen.steady == steady) ticks.push_back(tick);
  }
  return ticks;
}

proto::Digests make_digests(const StampDigests& own, common::Tick now, uint32_t peer_timeout_s, bool ask,
                            bool partial) {
  proto::Digests out{peer_timeout_s, now - kCompareFromAge, {}, ask, partial};
  for (common::Tick tick = out.newest_tick; tick >= now - kCompareToAge; --tick) {
    out.sums.push_back(own[common::stamp_of(tick)] & proto::kDigestMask);
  }
  return out;
}

std::vector<proto::PullPart> parts_of_ticks(const std::vector<common::Tick>& ticks) {
  std::vector<proto::PullPart> parts;
  for (const common::Tick tick : ticks) {
    const bool adjacent = !parts.empty() && parts.back().first_tick + parts.back().ticks == tick;
    if (adjacent || parts.size() == proto::kPullPartsMax) {
      parts.back().ticks = static_cast<uint32_t>(tick - parts.back().first_tick + 1);
    } else {
      parts.push_back({tick, 1, {}});
    }
  }
  return parts;
}

}  // namespace shoal::sync
