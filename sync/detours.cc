#include "sync/detours.h"

#include <algorithm>
#include <array>

namespace shoal::sync {

namespace {

// After a pull that failed: for longer each time.
constexpr int64_t kFailedMaxUs = 60'000'000;
constexpr uint32_t kFailedDoublings = 2;

// A pull brings what was written since the one before, and a little more: what its donor learned late from
// others has earlier stamps. One in so many brings everything.
constexpr common::Tick kOverlapTicks = 4;
constexpr uint32_t kWholeEvery = 20;

// Who has sent digests this recently is pulled from by those.
constexpr int64_t kComparedUs = 20'000'000;

// A member that is heard and has not heard us for so long is tried at the address its packets come from.
constexpr int64_t kTrySourceUs = 3'000'000;

// How long nobody has heard what is sent to an address before it pauses: someone is heard from there, or
// nobody ever was. Then it pauses for longer than routers keep a flow: by Linux' defaults 30 s if nothing has
// come back, else 120 s, and 180 s in older kernels.
constexpr int64_t kRestAfterDeafUs = 60'000'000;
constexpr int64_t kRestAfterSilentUs = 180'000'000;
constexpr std::array<int64_t, 3> kRestsUs = {35'000'000, 130'000'000, 190'000'000};

}  // namespace

void Detours::advance(Now now, Outputs& out) {
  unheard_.clear();
  for (auto& [id, member] : members_.all()) {
    MemberDetour& detour = member.detour.mine();
    const bool deaf = member.misses_us(now.mono_us);
    if (!deaf) detour.deaf_since_us = MemberDetour::kNeverUs;
    if (member.left() || (!deaf && !member.silent(now.mono_us))) continue;
    if (deaf && detour.deaf_since_us == MemberDetour::kNeverUs) detour.deaf_since_us = now.mono_us;
    if (deaf && now.mono_us - detour.deaf_since_us >= kTrySourceUs) addresses_.try_source(now, member, out);
    // Who is silent may well hear us: it is not kept waiting.
    if (deaf) rest(now, member.address(), true);
    pull(now, member, out);
  }
  for (const common::Endpoint& seed : addresses_.seeds()) {
    const bool met = std::any_of(members_.all().begin(), members_.all().end(),
                                 [&](const auto& entry) { return entry.second.is_at(seed, now.mono_us); });
    if (!met && !addresses_.is_own(seed)) rest(now, seed, false);
  }
  std::erase_if(flows_, [&](const auto& flow) {
    if (unheard_.contains(flow.first)) return false;
    sender_.wake(flow.first);
    return true;
  });
}

void Detours::rest(Now now, const common::Endpoint& to, bool deaf) {
  if (!unheard_.insert(to).second) return;
  Flow& flow = flows_.try_emplace(to, Flow{.awake_us = now.mono_us}).first->second;
  if (sender_.rests(to)) {
    if (now.mono_us < flow.rest_us) return;
    flow.awake_us = now.mono_us;
    return sender_.wake(to);
  }
  if (now.mono_us - flow.awake_us < (deaf ? kRestAfterDeafUs : kRestAfterSilentUs)) return;
  // Where nobody is heard, somebody may just be starting: only for a short time.
  flow.rest_us = now.mono_us + kRestsUs[deaf ? std::min(flow.rests, kRestsUs.size() - 1) : 0];
  ++flow.rests;
  sender_.let_rest(to);
}

void Detours::asked(Now now, const common::Endpoint& from) {
  const auto flow = flows_.find(from);
  if (flow == flows_.end()) return;
  flow->second.awake_us = now.mono_us;
  sender_.wake(from);
}

void Detours::pull(Now now, Member& member, Outputs& out) {
  MemberDetour& detour = member.detour.mine();
  if (*phase_ != SyncPhase::synced || departure_.left() || member.vouched(now.mono_us)) return;
  if (now.mono_us < detour.next_us || now.mono_us - member.repair->compared_us < kComparedUs) return;
  if (!pulls_.may_detour(member)) return;
  const common::Tick tick = clock_.tick(now);
  common::Tick from = tick - common::kLifetimeTicks + 1;
  if (detour.pulls % kWholeEvery != 0) from = std::max(from, detour.have_tick - kOverlapTicks);
  detour.asked_tick = tick;
  detour.next_us = now.mono_us + kPullEveryUs;
  const auto ticks = static_cast<uint32_t>(tick - from + 1 + common::kLocalAheadTicks);
  pulls_.detour(now, member, {from, ticks, {}}, out);
}

void Detours::pull_ended(Now now, const Pulls::Ended& ended) {
  if (!ended.purpose.detour) return;
  Member* member = members_.find(ended.purpose.member);
  if (member == nullptr) return;
  MemberDetour& detour = member->detour.mine();
  if (!ended.good) {
    detour.next_us = now.mono_us + std::min(kPullEveryUs << detour.failures, kFailedMaxUs);
    detour.failures = std::min(detour.failures + 1, kFailedDoublings);
    return;
  }
  ++detour.pulls;
  detour.failures = 0;
  detour.have_tick = detour.asked_tick;
}

}  // namespace shoal::sync
