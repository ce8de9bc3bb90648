#include "sync/cluster.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "common/check.h"
#include "sync/address_nonce.h"
#include "sync/cluster_impl.h"

namespace shoal::sync {

namespace {

using common::LogLevel;

// Called this much later than asked for, it is we who stood still. Anything shorter makes no member suspect.
constexpr int64_t kStallUs = 2 * kHeartbeatUs;

// What was sent meanwhile may still wait in our receive buffer: it is not asked for before that is read.
constexpr int64_t kAfterStallUs = 200'000;

// After a stall of so many ticks what was announced before it is not told any more: stamps are read modulo
// 256.
constexpr int64_t kStampsKeepTicks = common::kLifetimeTicks / 2;

// By then the workers' queues have been drained of what was in them.
constexpr int64_t kDrainedAfterUs = 200'000;

// What a delta costs where the pace is short, and the fewest that are worth a packet.
constexpr int64_t kDeltaBytesTypical = 24;
constexpr size_t kBatchLeast = 64;

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
      access(config.access_log != nullptr ? *config.access_log : own_access),
      group_pace(config.multicast_groups, pace_bucket(config.pace_bytes_per_s)),
      members(config.pace_bytes_per_s),
      prng(config.incarnation ^ id),
      own_secret(random_nonce(prng)),
      called_us(now.mono_us),
      next_heartbeat_us(now.mono_us),
      waiting_since_us(now.mono_us),
      alone_since_us(now.mono_us),
      bootstrap_until_us(now.mono_us + kBootstrapMaxUs),
      desk(std::make_shared<DonationDesk>(config.donate_bytes_per_s)) {}

void Cluster::Impl::send(const common::Endpoint& to, const SealedPacket& packet, Outputs& out) {
  ++stats.datagrams_sent;
  stats.bytes_sent += packet->size();
  out.sends.push_back({std::nullopt, to, packet});
}

void Cluster::Impl::send(Member& to, const SealedPacket& packet, Outputs& out) {
  to.pace.take(static_cast<int64_t>(packet->size()));
  send(to.address, packet, out);
}

void Cluster::Impl::send_to_groups(const SealedPacket& packet, Outputs& out) {
  for (size_t group = 0; group < config.multicast_groups; ++group) {
    group_pace[group].take(static_cast<int64_t>(packet->size()));
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
  for (auto& [member_id, member] : members.all()) {
    if (member.wants_unicast(now.mono_us)) send(member, packet, out);
  }
}

void Cluster::Impl::publish(Now now, std::span<const proto::OwnDelta> deltas, Outputs& out) {
  stats.deltas_published += deltas.size();
  if (now.mono_us < unsent_until_us) {
    stats.dropped_unsent += deltas.size();
    return;
  }
  std::vector<proto::OwnDelta> told;
  if (swarms.ahead() != 0) {
    told.assign(deltas.begin(), deltas.end());
    for (proto::OwnDelta& own : told) own.delta.stamp = swarms.told(own.delta.stamp);
    deltas = told;
  }
  while (!deltas.empty()) {
    const std::span<const proto::OwnDelta> part = deltas.first(std::min(deltas.size(), DeltaLog::kBatchMax));
    deltas = deltas.subspan(part.size());
    stats.dropped_pace += log.add(part, now.mono_us);
    if (log.waiting() >= DeltaLog::kBatchMax) flush(now, out);
  }
}

int64_t Cluster::Impl::paced_bytes(Now now) {
  int64_t least = std::numeric_limits<int64_t>::max();
  const auto consider = [&](TokenBucket& bucket) {
    bucket.refill(now.mono_us);
    least = std::min(least, bucket.bytes());
    if (!bucket.open()) paced_until_us = std::max(paced_until_us, bucket.open_us());
  };
  for (TokenBucket& bucket : group_pace) consider(bucket);
  for (auto& [member_id, member] : members.all()) {
    if (member.wants_unicast(now.mono_us)) consider(member.pace);
  }
  return least;
}

void Cluster::Impl::flush(Now now, Outputs& out) {
  // Without a listener the sequence must not run on: the first one to come would see a gap.
  if (!anyone_listening(now)) {
    stats.dropped_alone += log.discard();
    return;
  }
  while (log.waiting() > 0 && now.mono_us >= paced_until_us) {
    const int64_t bytes = paced_bytes(now);
    if (now.mono_us < paced_until_us) return;
    const auto affordable = static_cast<size_t>(bytes / kDeltaBytesTypical);
    send_batch(now, std::clamp(affordable, kBatchLeast, DeltaLog::kBatchMax), out);
  }
}

void Cluster::Impl::send_batch(Now now, size_t deltas_max, Outputs& out) {
  const int64_t sent_unix_ms = std::max<int64_t>(time.at_ms(now.mono_us), 0);
  for (const std::vector<uint8_t>& body : log.flush(tick(now), deltas_max, sent_unix_ms)) {
    const SealedPacket packet = sealer.seal(proto::SyncStream::deltas, body);
    ++stats.delta_packets_sent;
    ring.add(sealer.sequence(proto::SyncStream::deltas), packet, now.mono_us);
    broadcast(now, packet, out);
  }
}

void Cluster::Impl::advance(Now now, Outputs& out) {
  if (now.mono_us >= log.deadline_us() && now.mono_us >= paced_until_us) flush(now, out);
  if (now.mono_us >= repair_deadline_us) repair_streams(now, out);
  if (now.mono_us >= access_deadline_us) reconcile_access(now, out);
  if (now.mono_us >= pulls_deadline_us) advance_pulls(now, out);
  if (now.mono_us < next_heartbeat_us) return;
  if (left) return send_leave(now, out);
  note_silence(now, out);
  note_silent_seeds(now, out);
  for (auto& [member_id, member] : members.all()) member.loss.sample(member.gaps.sent(), member.gaps.late());
  ring.forget_old(now.mono_us);
  advance_time(now, out);
  members.forget(now.mono_us);
  newcomers.forget(now.mono_us);
  challenge_newcomers(now, out);
  send_heartbeats(now, out);
  // A tenth of jitter either way, so that nodes started together do not stay in step.
  next_heartbeat_us = now.mono_us + kHeartbeatUs * 9 / 10 + prng.below(kHeartbeatUs / 5);
}

int64_t Cluster::Impl::deadline_us() const {
  const int64_t flush_us = std::max(log.deadline_us(), paced_until_us);
  return std::min({flush_us, repair_deadline_us, pulls_deadline_us, access_deadline_us, next_heartbeat_us});
}

void Cluster::Impl::forget_untold() {
  stats.dropped_unsent += log.discard();
  ring.clear();
}

void Cluster::Impl::note_stall(Now now, Outputs& out) {
  const int64_t late_us = now.mono_us - std::max(called_us, deadline_us());
  called_us = now.mono_us;
  if (late_us < kStallUs) return;
  ++stats.stalls;
  members.excuse(late_us, now.mono_us + kAfterStallUs);
  if (late_us >= kStampsKeepTicks * tick_ms * 1000) {
    forget_untold();
    unsent_until_us = now.mono_us + kDrainedAfterUs;
  }
  // What was sent first meanwhile is not kept any more for resending.
  if (late_us >= RetransmitRing::kKeepUs && phase == SyncPhase::synced && !left && !members.all().empty()) {
    begin_checking(now);
  }
  if (!complaints.due(Complaint::stall, now.mono_us)) return;
  out.logs.push_back({LogLevel::warn,
                      "this node itself stood still; members are not blamed for the silence",
                      {{"for_ms", std::to_string(late_us / 1000)}}});
}

Status Cluster::Impl::status(Now now) const {
  Status out;
  out.id = id;
  out.incarnation = config.incarnation;
  out.stats = stats;
  out.wall_ahead_ms = time.wall_ahead_ms();
  out.wall_off = time.wall_off();
  out.access_in_step = access_in_step;
  out.stats.donations_finished = desk->finished;
  out.stats.donated_bytes = desk->bytes;
  out.stats.donated_records = desk->records;
  out.phase = phase;
  if (phase == SyncPhase::bootstrapping && pull != nullptr) {
    out.donor = pull->purpose().member_name;
    out.percent = pull->percent;
  }
  out.waiting = log.waiting();
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
    row.late = member.gaps.late();
    row.repaired = member.gaps.repaired();
    row.lag_us = member.lag_us;
    row.bytes_received = member.bytes_received;
    row.nacks_sent = member.nacks_sent;
    row.round_trip_us = member.smoothed_round_trip_us;
    row.clock_offset_ms = member.clock_known ? member.wall_offset_ms - (now.unix_ms - now.mono_us / 1000) : 0;
    row.announces_per_s = member.announces_per_s;
    row.interval_s = member.interval_s;
    row.refused = member.refused;
    row.synced = member.repair.synced;
    row.differing = static_cast<uint32_t>(member.repair.differences.count());
    if (member.repair.agreed_us != MemberRepair::kNeverUs) {
      row.agreed_ago_ms = (now.mono_us - member.repair.agreed_us) / 1000;
    }
    row.key_ids = member.key_ids;
    row.protocol_minor = member.protocol_minor;
    row.load_permille = member.load_permille;
    row.loss_in_permille = member.loss.permille();
    row.loss_out_permille = member.loss_out_permille;
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
  std::map<common::Endpoint, int64_t> silent;
  for (const common::Endpoint& seed : seeds) {
    if (impl_->config.advertise == seed) continue;
    if (!std::binary_search(impl_->seeds.begin(), impl_->seeds.end(), seed)) {
      silent[seed] = impl_->called_us;
    } else if (const auto known = impl_->silent_seeds.find(seed); known != impl_->silent_seeds.end()) {
      silent.insert(*known);
    }
  }
  impl_->silent_seeds = std::move(silent);
  impl_->seeds = std::move(seeds);
}

void Cluster::set_keys(Now now, const std::vector<ClusterKey>& keys, Outputs& out) {
  impl_->note_stall(now, out);
  impl_->set_keys(now, keys, out);
}

void Cluster::set_pace(int64_t pace_bytes_per_s, int64_t donate_bytes_per_s) {
  Impl& impl = *impl_;
  std::fill(impl.group_pace.begin(), impl.group_pace.end(), pace_bucket(pace_bytes_per_s));
  impl.members.set_pace(pace_bytes_per_s);
  impl.desk->set_pace(donate_bytes_per_s);
}

void Cluster::set_load(uint32_t permille) { impl_->load_permille = std::min(permille, proto::kPermilleMax); }

void Cluster::receive(Now now, const Received& datagram, Outputs& out) {
  impl_->note_stall(now, out);
  impl_->receive(now, datagram, out);
}

void Cluster::publish(Now now, std::span<const proto::OwnDelta> deltas, Outputs& out) {
  impl_->note_stall(now, out);
  impl_->publish(now, deltas, out);
}

void Cluster::publish_access(Now now, std::span<const proto::AccessChange> changes, Outputs& out) {
  impl_->publish_access(now, changes, out);
}

void Cluster::tell_client_load(Now now, uint32_t announces_per_s, uint32_t interval_s, Outputs& out) {
  const proto::ClientLoad load{announces_per_s, interval_s};
  impl_->broadcast(now, impl_->sealer.seal(proto::SyncStream::control, proto::encode_sync_packet(load)), out);
}

void Cluster::advance(Now now, Outputs& out) {
  impl_->note_stall(now, out);
  impl_->advance(now, out);
}

int64_t Cluster::deadline_us() const { return impl_->deadline_us(); }

void Cluster::leave(Now now, Outputs& out) {
  impl_->note_stall(now, out);
  impl_->leave(now, out);
}

bool Cluster::left_in_order(Now now) const { return impl_->left_in_order(now); }

void Cluster::pull_received(Now now, uint64_t pull, common::ByteSpan bytes, Outputs& out) {
  impl_->pull_received(now, pull, bytes, out);
}

void Cluster::pull_closed(Now now, uint64_t pull, bool reached, Outputs& out) {
  impl_->pull_closed(now, pull, reached, out);
}

std::unique_ptr<Donation> Cluster::accept_pull(Now now, const common::Endpoint& from,
                                               common::ByteSpan request, Outputs& out) {
  return impl_->accept_pull(now, from, request, out);
}

int64_t Cluster::time_offset_ms() const { return impl_->time.offset_ms(); }

common::Tick Cluster::store_ticks_behind() const { return impl_->swarms.ahead(); }

void Cluster::snapshot_merged(Now now) {
  impl_->snapshot = SnapshotState::merged;
  impl_->plan_pulls(now);
}

Status Cluster::status(Now now) const { return impl_->status(now); }

}  // namespace shoal::sync
