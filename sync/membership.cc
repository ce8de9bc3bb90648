#include "sync/membership.h"

#include <algorithm>

namespace shoal::sync {

MemberState Member::state(int64_t now_us) const {
  const int64_t silent_us = now_us - heard_us;
  if (left || silent_us >= kDownAfterUs) return MemberState::down;
  return silent_us >= kSuspectAfterUs ? MemberState::suspect : MemberState::alive;
}

bool Member::is_at(const common::Endpoint& where, int64_t now_us) const {
  if (address == where || source == where) return true;
  const auto found = reached_at.find(where);
  return found != reached_at.end() && now_us - found->second < kReachedUs;
}

void Member::measured_round_trip(int64_t us) {
  us = std::clamp<int64_t>(us, 1, kRoundTripMaxUs);
  smoothed_round_trip_us += smoothed_round_trip_us == 0 ? us : (us - smoothed_round_trip_us) / 8;
}

void Membership::set_pace(int64_t pace_bytes_per_s) {
  pace_bytes_per_s_ = pace_bytes_per_s;
  for (auto& [id, member] : members_) member.set_pace(pace_bytes_per_s);
}

Member* Membership::find(uint64_t id) {
  const auto found = members_.find(id);
  return found == members_.end() ? nullptr : &found->second;
}

Member* Membership::admit(uint64_t id, uint64_t incarnation, const common::Endpoint& at, int64_t now_us) {
  Member fresh(pace_bytes_per_s_);
  fresh.id = id;
  fresh.incarnation = incarnation;
  fresh.address = fresh.source = at;
  fresh.heard_us = now_us;
  if (Member* known = find(id)) {
    fresh.restarted = true;
    fresh.name = known->name;
    *known = std::move(fresh);
    return known;
  }
  if (members_.size() >= kMembersMax) {
    const auto quietest =
        std::min_element(members_.begin(), members_.end(),
                         [](const auto& a, const auto& b) { return a.second.heard_us < b.second.heard_us; });
    if (quietest->second.state(now_us) != MemberState::down) return nullptr;
    members_.erase(quietest);
  }
  return &members_.emplace(id, std::move(fresh)).first->second;
}

void Membership::excuse(int64_t stall_us, int64_t ask_from_us) {
  for (auto& [member_id, member] : members_) {
    member.heard_us += stall_us;
    member.heard_by_group_us += stall_us;
    member.hears_us_by_group_until_us += stall_us;
    member.next_nack_us = std::max(member.next_nack_us, ask_from_us);
  }
  for (auto& [address, named_us] : contacts_) named_us += stall_us;
}

void Membership::forget(int64_t now_us) {
  std::erase_if(members_,
                [now_us](const auto& entry) { return now_us - entry.second.heard_us >= kForgetAfterUs; });
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
    return member.is_at(address, now_us) && member.state(now_us) != MemberState::down;
  });
}

}  // namespace shoal::sync
