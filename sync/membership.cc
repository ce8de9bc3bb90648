#include "sync/membership.h"

#include <algorithm>
#include <utility>

namespace shoal::sync {

Member* Membership::find(uint64_t id) {
  const auto found = members_.find(id);
  return found == members_.end() ? nullptr : &found->second;
}

Member* Membership::admit(uint64_t id, uint64_t incarnation, const common::Endpoint& at, int64_t now_us) {
  if (Member* known = find(id)) {
    *known = Member::restarted(*known, incarnation, at, pace_bytes_per_s_, now_us);
    return known;
  }
  if (members_.size() >= kMembersMax) {
    const auto quietest = std::min_element(
        members_.begin(), members_.end(),
        [](const auto& a, const auto& b) { return a.second.heard_us() < b.second.heard_us(); });
    if (quietest->second.liveness(now_us) != Liveness::down) return nullptr;
    members_.erase(quietest);
  }
  return &members_.emplace(id, Member(id, incarnation, at, pace_bytes_per_s_, now_us)).first->second;
}

void Membership::excuse(int64_t stall_us) {
  for (auto& [id, member] : members_) member.excuse(stall_us);
  for (auto& [address, named_us] : contacts_) named_us += stall_us;
}

void Membership::forget(int64_t now_us) {
  std::erase_if(members_,
                [now_us](const auto& entry) { return now_us - entry.second.heard_us() >= kForgetAfterUs; });
  std::erase_if(contacts_, [now_us](const auto& entry) { return now_us - entry.second >= kContactUs; });
}

bool Membership::add_contact(const common::Endpoint& address, int64_t now_us) {
  const auto [found, added] = contacts_.insert_or_assign(address, now_us);
  if (contacts_.size() > kContactsMax) {
    auto oldest = contacts_.end();
    for (auto it = contacts_.begin(); it != contacts_.end(); ++it) {
      if (it != found && (oldest == contacts_.end() || it->second < oldest->second)) oldest = it;
    }
    contacts_.erase(oldest);
  }
  return added;
}

bool Membership::covers(const common::Endpoint& address, int64_t now_us) const {
  return std::any_of(members_.begin(), members_.end(), [&](const auto& entry) {
    const Member& member = entry.second;
    return member.is_at(address, now_us) && member.liveness(now_us) != Liveness::down;
  });
}

bool Membership::any_peer(int64_t now_us) const {
  return std::any_of(members_.begin(), members_.end(), [now_us](const auto& entry) {
    return !entry.second.refused() && entry.second.may_hear_us(now_us);
  });
}

}  // namespace shoal::sync
