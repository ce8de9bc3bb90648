#include "sync/relays.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/check.h"

namespace shoal::sync {

void Relays::set_pace(int64_t pace_bytes_per_s) {
  for (auto& [id, member] : members_.all()) member.relays.mine().bucket = relay_bucket(pace_bytes_per_s);
}

void Relays::send(Now now, uint64_t run, std::span<const uint8_t> message, Outputs& out) {
  CHECK_INVARIANT(!message.empty() && message.size() <= proto::kRelayMax);
  const auto found = std::find_if(members_.all().begin(), members_.all().end(),
                                  [run](const auto& entry) { return entry.second.incarnation() == run; });
  if (found == members_.all().end() || departure_.left() || !found->second.met(now.mono_us) ||
      !found->second.profile->web) {
    ++stats_.relays_unreachable;
    return;
  }
  Member& member = found->second;
  MemberRelays& state = member.relays.mine();
  if (state.waiting_bytes + message.size() > MemberRelays::kWaitingBytesMax) {
    send_waiting(now, member, out);  // what is too old makes room
    if (state.waiting_bytes + message.size() > MemberRelays::kWaitingBytesMax) {
      ++stats_.relays_crowded;
      return;
    }
  }
  state.waiting.push_back({++state.last_number, now.mono_us, {message.begin(), message.end()}, 0});
  state.waiting_bytes += message.size();
  send_waiting(now, member, out);
}

void Relays::send_waiting(Now now, Member& member, Outputs& out) {
  MemberRelays& state = member.relays.mine();
  state.bucket.refill(now.mono_us);
  while (!state.waiting.empty()) {
    MemberRelays::Outgoing& first = state.waiting.front();
    if (now.mono_us - first.since_us >= MemberRelays::kWaitUs || !member.met(now.mono_us)) {
      ++stats_.relays_late;
      state.waiting_bytes -= first.bytes.size();
      state.waiting.pop_front();
      continue;
    }
    if (!state.bucket.open()) {
      due_us_ = std::min({due_us_, state.bucket.open_us(), first.since_us + MemberRelays::kWaitUs});
      return;
    }
    const std::span<const uint8_t> bytes = first.bytes;
    const auto parts =
        static_cast<uint32_t>((bytes.size() + proto::kRelayPartMax - 1) / proto::kRelayPartMax);
    const size_t at = first.parts_sent * proto::kRelayPartMax;
    const auto part = bytes.subspan(at, std::min(proto::kRelayPartMax, bytes.size() - at));
    const SealedPacket packet = sender_.seal_control(proto::Relay{
        member.incarnation(), first.number, parts, first.parts_sent, {part.begin(), part.end()}});
    state.bucket.spend(static_cast<int64_t>(packet->size()));
    sender_.send_paced(member, packet, out);
    ++stats_.relay_parts_sent;
    if (++first.parts_sent < parts) continue;
    ++stats_.relays_sent;
    state.waiting_bytes -= first.bytes.size();
    state.waiting.pop_front();
  }
}

void Relays::receive(const Arrival& arrival, const proto::Relay& relay, Outputs& out) {
  Member& member = arrival.member;
  ++stats_.relay_parts_received;
  if (relay.incarnation != identity_.incarnation || member.refused()) {
    ++stats_.relays_misdirected;
    return;
  }
  if (relay.parts == 1) {
    ++stats_.relays_received;
    out.relayed.push_back({member.incarnation(), relay.bytes});
    return;
  }
  MemberRelays& state = member.relays.mine();
  const auto [at, fresh] = state.partial.try_emplace(relay.message);
  MemberRelays::Partial& partial = at->second;
  if (fresh) {
    partial.since_us = arrival.now.mono_us;
    partial.parts = relay.parts;
    partial.bytes.resize(relay.parts * proto::kRelayPartMax);
    state.partial_bytes += partial.bytes.size();
  }
  // Whoever sends parts that do not fit together has made them up.
  if (partial.parts != relay.parts || partial.come.test(relay.part)) {
    drop_partial(state, at);
    return;
  }
  partial.come.set(relay.part);
  std::copy(relay.bytes.begin(), relay.bytes.end(),
            partial.bytes.begin() + static_cast<ptrdiff_t>(relay.part * proto::kRelayPartMax));
  if (relay.part + 1 == relay.parts) partial.size = relay.part * proto::kRelayPartMax + relay.bytes.size();
  if (partial.come.count() == partial.parts) {
    state.partial_bytes -= partial.bytes.size();
    partial.bytes.resize(partial.size);
    ++stats_.relays_received;
    out.relayed.push_back({member.incarnation(), std::move(partial.bytes)});
    state.partial.erase(at);
    return;
  }
  // The oldest by number: a sender counts up.
  while (state.partial_bytes > MemberRelays::kPartialBytesMax) drop_partial(state, state.partial.begin());
}

Relays::PartialAt Relays::drop_partial(MemberRelays& state, PartialAt at) {
  ++stats_.relays_incomplete;
  state.partial_bytes -= at->second.bytes.size();
  return state.partial.erase(at);
}

void Relays::advance(Now now, Outputs& out) {
  due_us_ = kNever;
  for (auto& [id, member] : members_.all()) {
    if (!member.relays->waiting.empty()) send_waiting(now, member, out);
  }
}

void Relays::forget_partial(Now now) {
  for (auto& [id, member] : members_.all()) {
    if (member.relays->partial.empty()) continue;
    MemberRelays& state = member.relays.mine();
    for (auto at = state.partial.begin(); at != state.partial.end();) {
      const bool late = now.mono_us - at->second.since_us >= MemberRelays::kWaitUs;
      at = late ? drop_partial(state, at) : std::next(at);
    }
  }
}

}  // namespace shoal::sync
