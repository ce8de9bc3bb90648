#include "sync/cluster.h"

#include <algorithm>
#include <tuple>

#include "common/check.h"
#include "sync/cluster_impl.h"

namespace shoal::sync {

namespace {

// Names travel as printable ASCII; the id is made of the name as it is, so nothing is confused by this.
std::string to_wire_name(const std::string& name) {
  std::string out = name.substr(0, proto::kSyncNameMax);
  for (char& c : out) {
    if (c < 0x20 || c >= 0x7f) c = '?';
  }
  return out;
}

std::vector<ClusterKey> secrets(const Config& config) {
  CHECK_INVARIANT(!config.keys.empty() || config.insecure);
  return config.keys.empty() ? std::vector<ClusterKey>{insecure_key(config.cluster)} : config.keys;
}

int64_t tick_length_ms(uint32_t peer_timeout_s) {
  return std::max<int64_t>(1, int64_t{peer_timeout_s} * 1000 / common::kLifetimeTicks);
}

}  // namespace

Cluster::Impl::Impl(Config settings, Swarms& swarm_store, Now now)
    : config(std::move(settings)),
      swarms(swarm_store),
      wire_name(to_wire_name(config.name)),
      id(node_id(config.cluster, config.name)),
      tag(cluster_tag(config.cluster)),
      keys(secrets(config), config.cluster),
      tick_ms(tick_length_ms(config.peer_timeout_s)),
      started_us(now.mono_us),
      time(id, tick_ms, now.mono_us, now.unix_ms),
      sealer(keys, tag, id, config.incarnation),
      log(config.peer_timeout_s),
      members(config.pace_bytes_per_s),
      prng(config.incarnation ^ id),
      next_heartbeat_us(now.mono_us) {}

void Cluster::Impl::send(const common::Endpoint& to, const SealedPacket& packet, Outputs& out) {
  ++stats.datagrams_sent;
  stats.bytes_sent += packet->size();
  out.sends.push_back({std::nullopt, to, packet});
}

void Cluster::Impl::send_to_groups(const SealedPacket& packet, Outputs& out) {
  for (size_t group = 0; group < config.multicast_groups; ++group) {
    ++stats.datagrams_sent;
    stats.bytes_sent += packet->size();
    out.sends.push_back({group, {}, packet});
  }
}

bool Cluster::Impl::anyone_listening(Now now) const {
  if (config.multicast_groups > 0) return true;
  return std::any_of(members.all().begin(), members.all().end(), [now](const auto& entry) {
    return entry.second.refused.empty() && entry.second.state(now.mono_us) != MemberState::down;
  });
}

void Cluster::Impl::broadcast(Now now, const SealedPacket& packet, Outputs& out) {
  send_to_groups(packet, out);
  for (const auto& [member_id, member] : members.all()) {
    if (!member.refused.empty() || member.state(now.mono_us) == MemberState::down) continue;
    if (!member.hears_us_by_group(now.mono_us)) send(member.address, packet, out);
  }
}

void Cluster::Impl::publish(Now now, std::span<const proto::Delta> deltas, Outputs& out) {
  stats.deltas_published += deltas.size();
  while (!deltas.empty()) {
    deltas = deltas.subspan(log.add(deltas, now.mono_us));
    if (log.full()) flush(now, out);
  }
}

void Cluster::Impl::flush(Now now, Outputs& out) {
  // Without a listener the sequence must not run on: the first one to come would see a gap.
  if (!anyone_listening(now)) return log.discard();
  for (const std::vector<uint8_t>& body : log.flush(tick(now))) {
    const SealedPacket packet = sealer.seal(proto::SyncStream::deltas, body);
    ++stats.delta_packets_sent;
    ring.add(sealer.sequence(proto::SyncStream::deltas), packet, now.mono_us);
    broadcast(now, packet, out);
  }
}

void Cluster::Impl::advance(Now now, Outputs& out) {
  if (now.mono_us >= log.deadline_us()) flush(now, out);
  if (now.mono_us >= repair_deadline_us) repair_streams(now, out);
  if (now.mono_us < next_heartbeat_us) return;
  if (left) return send_leave(now, out);
  note_silence(now, out);
  ring.forget_old(now.mono_us);
  advance_time(now, out);
  members.forget(now.mono_us);
  newcomers.forget(now.mono_us);
  send_heartbeats(now, out);
  // A tenth of jitter either way, so that nodes started together do not stay in step.
  next_heartbeat_us = now.mono_us + kHeartbeatUs * 9 / 10 + prng.below(kHeartbeatUs / 5);
}

int64_t Cluster::Impl::deadline_us() const {
  return std::min({log.deadline_us(), repair_deadline_us, next_heartbeat_us});
}

Status Cluster::Impl::status(Now now) const {
  Status out;
  out.id = id;
  out.incarnation = config.incarnation;
  out.stats = stats;
  out.wall_ahead_ms = time.wall_ahead_ms();
  out.wall_off = time.wall_off();
  for (const auto& [member_id, member] : members.all()) {
    MemberStatus row;
    row.name = display_name(member);
    row.id = member.id;
    row.incarnation = member.incarnation;
    row.address = member.address;
    row.state = member.state(now.mono_us);
    row.heard_ago_ms = (now.mono_us - member.heard_us) / 1000;
    row.multicast = member.hears_us_by_group(now.mono_us);
    row.datagrams_received = member.datagrams_received;
    row.deltas_received = member.deltas_received;
    row.missing = member.gaps.missing();
    row.lost = member.gaps.lost();
    row.round_trip_us = member.smoothed_round_trip_us;
    row.clock_offset_ms = member.clock_known ? member.wall_offset_ms - (now.unix_ms - now.mono_us / 1000) : 0;
    row.refused = member.refused;
    out.members.push_back(std::move(row));
  }
  std::sort(out.members.begin(), out.members.end(), [](const MemberStatus& a, const MemberStatus& b) {
    return std::tie(a.name, a.id) < std::tie(b.name, b.id);
  });
  return out;
}

Cluster::Cluster(Config config, Swarms& swarms, Now now)
    : impl_(std::make_unique<Impl>(std::move(config), swarms, now)) {}

Cluster::~Cluster() = default;

void Cluster::set_seeds(std::vector<common::Endpoint> seeds) {
  std::sort(seeds.begin(), seeds.end());
  seeds.erase(std::unique(seeds.begin(), seeds.end()), seeds.end());
  if (!std::includes(impl_->seeds.begin(), impl_->seeds.end(), seeds.begin(), seeds.end())) {
    impl_->next_heartbeat_us = kLongAgoUs;  // a new one is greeted at once
  }
  impl_->seeds = std::move(seeds);
}

void Cluster::receive(Now now, const Received& datagram, Outputs& out) { impl_->receive(now, datagram, out); }

void Cluster::publish(Now now, std::span<const proto::Delta> deltas, Outputs& out) {
  impl_->publish(now, deltas, out);
}

void Cluster::advance(Now now, Outputs& out) { impl_->advance(now, out); }

int64_t Cluster::deadline_us() const { return impl_->deadline_us(); }

void Cluster::leave(Now now, Outputs& out) { impl_->leave(now, out); }

bool Cluster::left_in_order(Now now) const { return impl_->left_in_order(now); }

void Cluster::pull_received(Now now, uint64_t pull, common::ByteSpan bytes, Outputs& out) {
  impl_->pull_received(now, pull, bytes, out);
}

void Cluster::pull_closed(Now now, uint64_t pull, Outputs& out) { impl_->pull_closed(now, pull, out); }

std::unique_ptr<Donation> Cluster::accept_pull(Now now, const common::Endpoint& from,
                                               common::ByteSpan request, Outputs& out) {
  return impl_->accept_pull(now, from, request, out);
}

int64_t Cluster::time_offset_ms() const { return impl_->time.offset_ms(); }

Status Cluster::status(Now now) const { return impl_->status(now); }

}  // namespace shoal::sync
