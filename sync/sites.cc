#include "sync/sites.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

namespace shoal::sync {

namespace {

// The members of one site that are sent our packets.
struct OfSite {
  size_t members = 0;
  Member* current = nullptr;  // forwards now, and can go on
  Member* nearest = nullptr;
};

// Who has not been measured is the farthest.
std::pair<int64_t, uint64_t> distance(const Member& member) {
  const int64_t us = member.measured_round_trip_us();
  return {us == 0 ? std::numeric_limits<int64_t>::max() : us, member.id()};
}

// A change costs a heartbeat in which all are sent to, so a little nearer is not enough.
bool is_much_nearer(const Member& one, const Member& other) {
  return one.measured_round_trip_us() > 0 &&
         2 * one.measured_round_trip_us() < other.measured_round_trip_us();
}

}  // namespace

void Sites::set_pace(int64_t pace_bytes_per_s) {
  for (auto& [id, member] : members_.all()) {
    member.site.mine().asked = pace_bucket(pace_bytes_per_s);
    member.site.mine().onward = onward_bucket(pace_bytes_per_s);
  }
}

bool Sites::is_elsewhere(const Member& member) const {
  return !member.site->name.empty() && member.site->name != identity_.site;
}

bool Sites::is_fit(const Member& member, int64_t now_us) {
  return member.met(now_us) && now_us - member.heard_us() < kSilentUs &&
         member.profile->hears_us_ago_ms < kSilentUs / 1000;
}

void Sites::advance(Now now) {
  if (!on()) return;
  std::map<std::string_view, OfSite> sites;
  for (auto& [id, member] : members_.all()) {
    MemberSite& state = member.site.mine();
    const bool was_served = std::exchange(state.by_forwarder, false);
    state.forwards = false;
    if (!is_elsewhere(member)) continue;
    if (!member.wants_unicast(now.mono_us)) {
      state.direct_until_us = now.mono_us + kNewcomerUs;
      continue;
    }
    // Somebody there does not pass on to it.
    if (was_served && member.profile->loss_out_permille >= kDirectFromPermille) {
      state.direct_until_us = now.mono_us + kDirectUs;
    }
    OfSite& site = sites[state.name];
    ++site.members;
    if (!is_fit(member, now.mono_us)) continue;
    if (site.nearest == nullptr || distance(member) < distance(*site.nearest)) site.nearest = &member;
    const auto chosen = chosen_.find(state.name);
    if (chosen != chosen_.end() && chosen->second.id == id &&
        chosen->second.incarnation == member.incarnation()) {
      site.current = &member;
    }
  }
  std::erase_if(chosen_, [&](const auto& chosen) {
    const auto found = sites.find(chosen.first);
    return found == sites.end() || found->second.members < 2 || found->second.nearest == nullptr;
  });
  for (auto& [name, site] : sites) {
    if (site.members < 2 || site.nearest == nullptr) continue;
    if (!chosen_.contains(std::string(name)) && chosen_.size() >= proto::kSyncForwardersMax) continue;
    Chosen& chosen = chosen_[std::string(name)];
    if (site.current != nullptr && !is_much_nearer(*site.nearest, *site.current)) {
      chosen.named = true;
      site.current->site.mine().forwards = true;
      continue;
    }
    // This heartbeat tells it; until the next one all are sent to.
    chosen = {site.nearest->id(), site.nearest->incarnation(), false};
  }
  for (auto& [id, member] : members_.all()) {
    MemberSite& state = member.site.mine();
    if (!is_elsewhere(member) || state.forwards || now.mono_us < state.direct_until_us) continue;
    const auto chosen = chosen_.find(state.name);
    state.by_forwarder = chosen != chosen_.end() && chosen->second.named;
  }
}

std::vector<uint64_t> Sites::forwarders() const {
  std::vector<uint64_t> out;
  out.reserve(chosen_.size());
  for (const auto& [name, chosen] : chosen_) out.push_back(chosen.id);
  return out;
}

void Sites::learn(Now now, Member& member, const proto::Heartbeat& heartbeat) {
  if (!on()) return;
  MemberSite& state = member.site.mine();
  if (state.name != heartbeat.site) {
    state.name = heartbeat.site;
    state.same = state.name == identity_.site;
    state.by_forwarder = false;
    // The forwarder of its site may not know it yet.
    state.direct_until_us = std::max(state.direct_until_us, now.mono_us + kNewcomerUs);
  }
  // Two of one site would multiply what is passed on there.
  size_t ours = 0;
  bool asked = false;
  for (const uint64_t id : heartbeat.forwarders) {
    if (id == identity_.id) {
      asked = true;
    } else if (const Member* other = members_.find(id); other != nullptr && other->site->same) {
      ++ours;
    }
  }
  state.asks = asked && is_elsewhere(member);
  state.asks_others = ours > 0;
}

bool Sites::is_forwarded(Now now, const proto::SyncHeader& header, const Member* origin,
                         const Received& datagram) const {
  if (!on() || header.stream != proto::SyncStream::deltas || datagram.group) return false;
  if (origin != nullptr && origin->is_at(datagram.from, now.mono_us)) return false;
  return std::any_of(members_.all().begin(), members_.all().end(), [&](const auto& entry) {
    const Member& member = entry.second;
    return member.site->same && member.id() != header.node_id && member.is_at(datagram.from, now.mono_us);
  });
}

void Sites::pass_on(const Arrival& arrival, Outputs& out) {
  if (!arrival.member.site->asks || arrival.datagram.group) return;
  const int64_t now_us = arrival.now.mono_us;
  MemberSite& origin = arrival.member.site.mine();
  origin.asked.refill(now_us);
  if (arrival.member.refused() || origin.asks_others || !origin.asked.open()) {
    ++stats_.forwards_refused;
    return;
  }
  const auto size = static_cast<int64_t>(arrival.datagram.bytes.size());
  origin.asked.spend(size);
  SealedPacket packet;
  for (auto& [id, member] : members_.all()) {
    if (!member.site->same || !member.met(now_us)) continue;
    TokenBucket& onward = member.site.mine().onward;
    onward.refill(now_us);
    if (!onward.open()) {
      ++stats_.forwards_crowded;  // it asks the origin
      continue;
    }
    onward.spend(size);
    if (packet == nullptr) {
      const common::ByteSpan bytes = arrival.datagram.bytes;
      packet = std::make_shared<const std::vector<uint8_t>>(bytes.begin(), bytes.end());
    }
    ++stats_.forwards_sent;
    sender_.send_paced(member, packet, out);
  }
}

}  // namespace shoal::sync
