#include "sync/differences.h"

#include <iterator>

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
      seen[tick] = {digest, sum, again, again && before->second.digest == digest};
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

std::vector<common::Tick> Differences::joined(const std::vector<common::Tick>& ticks) const {
  std::vector<common::Tick> out;
  for (const common::Tick tick : ticks) {
    const bool alone =
        out.empty() || std::distance(seen_.upper_bound(out.back()), seen_.lower_bound(tick)) > 0;
    for (common::Tick next = alone ? tick : out.back() + 1; next <= tick; ++next) out.push_back(next);
  }
  return out;
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

Cells cells_of_parts(std::span<const proto::PullPart> parts, common::Tick now) {
  Cells cells;
  for (const proto::PullPart& part : parts) {
    for (uint32_t i = 0; i < part.ticks; ++i) {
      const common::Tick tick = part.first_tick + i;
      if (now - tick >= common::kLifetimeTicks || tick - now > common::kAheadTicks) continue;
      if (part.buckets.empty()) cells.add(common::stamp_of(tick));
      for (const uint32_t bucket : part.buckets) cells.add(common::stamp_of(tick), bucket);
    }
  }
  return cells;
}

}  // namespace shoal::sync
