#include "sync/sender.h"

#include <algorithm>
#include <limits>

namespace shoal::sync {

namespace {

bool is_sent_deltas(const Member& member, int64_t now_us) {
  return member.wants_unicast(now_us) && !member.site->by_forwarder;
}

}  // namespace

Sender::Sender(const Identity& identity, const KeyRing& keys, Membership& members, size_t multicast_groups,
               int64_t pace_bytes_per_s)
    : sealer_(keys, identity.tag, identity.id, identity.incarnation),
      members_(members),
      group_pace_(multicast_groups, pace_bucket(pace_bytes_per_s)) {}

void Sender::set_pace(int64_t pace_bytes_per_s) {
  std::fill(group_pace_.begin(), group_pace_.end(), pace_bucket(pace_bytes_per_s));
  for (auto& [id, member] : members_.all()) member.pace.mine() = pace_bucket(pace_bytes_per_s);
}

SealedPacket Sender::seal_control(const proto::SyncPacket& packet) {
  return seal(proto::SyncStream::control, proto::encode_sync_packet(packet));
}

void Sender::send(const common::Endpoint& to, const SealedPacket& packet, Outputs& out) {
  if (rests(to)) return;
  ++stats_.datagrams_sent;
  stats_.bytes_sent += packet->size();
  out.sends.push_back({std::nullopt, to, packet});
}

void Sender::send(const common::Endpoint& to, const proto::SyncPacket& packet, Outputs& out) {
  send(to, seal_control(packet), out);
}

void Sender::send_paced(Member& to, const SealedPacket& packet, Outputs& out) {
  to.pace.mine().spend(static_cast<int64_t>(packet->size()));
  send(to.address(), packet, out);
}

void Sender::charge_members(const SealedPacket& packet) {
  for (auto& [id, member] : members_.all()) member.pace.mine().spend(static_cast<int64_t>(packet->size()));
}

void Sender::send_to_groups(const SealedPacket& packet, Outputs& out) {
  for (size_t group = 0; group < group_pace_.size(); ++group) {
    group_pace_[group].spend(static_cast<int64_t>(packet->size()));
    ++stats_.datagrams_sent;
    stats_.bytes_sent += packet->size();
    out.sends.push_back({group, {}, packet});
  }
}

void Sender::broadcast(Now now, const SealedPacket& packet, Outputs& out) {
  send_to_groups(packet, out);
  for (auto& [id, member] : members_.all()) {
    if (member.wants_unicast(now.mono_us)) send_paced(member, packet, out);
  }
}

void Sender::broadcast(Now now, const proto::SyncPacket& packet, Outputs& out) {
  broadcast(now, seal_control(packet), out);
}

void Sender::broadcast_deltas(Now now, const SealedPacket& packet, Outputs& out) {
  send_to_groups(packet, out);
  for (auto& [id, member] : members_.all()) {
    if (is_sent_deltas(member, now.mono_us)) send_paced(member, packet, out);
  }
}

bool Sender::anyone_listening(Now now) const { return has_groups() || members_.any_peer(now.mono_us); }

Sender::Allowance Sender::allowance(Now now) {
  Allowance out{std::numeric_limits<int64_t>::max(), std::nullopt};
  const auto consider = [&](TokenBucket& bucket) {
    bucket.refill(now.mono_us);
    out.bytes = std::min(out.bytes, bucket.bytes());
    if (!bucket.open()) {
      out.blocked_until_us = std::max(out.blocked_until_us.value_or(kLongAgoUs), bucket.open_us());
    }
  };
  for (TokenBucket& bucket : group_pace_) consider(bucket);
  for (auto& [id, member] : members_.all()) {
    if (is_sent_deltas(member, now.mono_us)) consider(member.pace.mine());
  }
  return out;
}

}  // namespace shoal::sync
