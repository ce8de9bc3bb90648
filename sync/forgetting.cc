#include "sync/forgetting.h"

#include <algorithm>

namespace shoal::sync {

Forgotten Forgetting::forget(Now now, std::string_view name, Outputs& out) {
  Forgotten result = Forgotten::unknown;
  for (auto it = members_.all().begin(); it != members_.all().end();) {
    const Member& member = it->second;
    if (member.display_name() != name) {
      ++it;
      continue;
    }
    if (member.liveness(now.mono_us) != Liveness::down) return Forgotten::runs;
    if (told_.size() < kToldMax) told_.push_back({{member.id(), member.incarnation()}, kRounds});
    log(now, member, out);
    it = members_.all().erase(it);
    result = Forgotten::done;
  }
  if (result == Forgotten::done) advance(now, out);
  return result;
}

void Forgetting::advance(Now now, Outputs& out) {
  for (Told& one : told_) {
    sender_.broadcast(now, one.forget, out);
    --one.rounds;
  }
  std::erase_if(told_, [](const Told& one) { return one.rounds <= 0; });
}

void Forgetting::receive(const Arrival& arrival, const proto::Forget& forget, Outputs& out) {
  const Member* member = members_.find(forget.id);
  if (member == nullptr || member == &arrival.member || member->incarnation() != forget.incarnation ||
      member->liveness(arrival.now.mono_us) != Liveness::down) {
    return;
  }
  log(arrival.now, *member, out);
  members_.all().erase(forget.id);
}

void Forgetting::log(Now now, const Member& member, Outputs& out) {
  complaints_.note(
      now,
      {common::LogLevel::info, "member forgotten, as an operator asked", {{"member", member.display_name()}}},
      out);
}

}  // namespace shoal::sync
