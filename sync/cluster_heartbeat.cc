// Heartbeats: who is there, how it hears the others, and where more members may be found.

#include <algorithm>

#include "sync/cluster_impl.h"

namespace shoal::sync {

namespace {

using common::LogLevel;

// An older echo tells nothing of now.
constexpr int64_t kEchoHeldMaxUs = 60'000'000;

// Members named in one heartbeat, so that it fits a datagram whatever they are.
size_t entries_per_heartbeat(size_t name_size) {
  return (proto::kSyncBodyMax - proto::kHeartbeatBytesMax - name_size) / proto::kMemberEntryBytesMax;
}

proto::MemberEntry entry_of(const Member& member, int64_t now_us) {
  proto::MemberEntry entry;
  entry.id = member.id;
  entry.incarnation = member.incarnation;
  entry.endpoint = member.address;
  entry.state = static_cast<uint8_t>(member.state(now_us));
  entry.heard_ago_ms =
      static_cast<uint32_t>(std::clamp<int64_t>((now_us - member.heard_us) / 1000, 0, kForgetAfterUs / 1000));
  entry.heard_by_group = now_us - member.heard_by_group_us < kGroupHeardUs;
  entry.delta_watermark = member.gaps.contiguous();
  const int64_t held_us = now_us - member.newest_heartbeat_us;
  if (held_us < kEchoHeldMaxUs) {
    entry.echo_us = member.echo_us;
    entry.echo_held_us = static_cast<uint32_t>(std::max<int64_t>(held_us, 1));
  }
  entry.loss_permille = member.loss.permille();
  return entry;
}

// Sent heartbeats for so long without an answer, a seed is said to be silent; once.
constexpr int64_t kSeedPatienceUs = 10'000'000;

// Packets of a node's last run may be underway this long after it has started again.
constexpr int64_t kRestartMs = 2'000;

// A report is good until the teller has had time to repeat it twice.
int64_t report_valid_us(uint32_t list_parts) {
  return (2 * int64_t{std::min<uint32_t>(list_parts, Membership::kMembersMax)} + 2) * kHeartbeatUs;
}

}  // namespace

proto::Heartbeat Cluster::Impl::make_heartbeat(Now now, uint64_t first_id) const {
  proto::Heartbeat out;
  out.name = wire_name;
  out.send_us = static_cast<uint32_t>(now.mono_us);
  out.unix_ms = std::max<int64_t>(time.at_ms(now.mono_us), 0);
  out.wall_ahead_ms = time.told_wall_ahead_ms();
  out.uptime_ms = (now.mono_us - started_us) / 1000;
  out.synced = phase == SyncPhase::synced;
  out.peer_timeout_s = config.peer_timeout_s;
  out.key_ids = keys.ids();
  out.key_ids.resize(std::min(out.key_ids.size(), proto::kSyncKeyIdsMax));
  out.minor = proto::kSyncMinor;
  out.load_permille = load_permille;
  out.access_digest = access.digest();
  out.advertise = config.advertise;
  out.delta_sequence = sealer.sequence(proto::SyncStream::deltas);
  const size_t per_heartbeat = entries_per_heartbeat(wire_name.size());
  const size_t count = members.all().size();
  out.list_parts = static_cast<uint32_t>((count + per_heartbeat - 1) / per_heartbeat);
  auto next = members.all().lower_bound(first_id);
  for (size_t i = 0; i < std::min(count, per_heartbeat); ++i, ++next) {
    if (next == members.all().end()) next = members.all().begin();
    out.members.push_back(entry_of(next->second, now.mono_us));
  }
  return out;
}

void Cluster::Impl::send_heartbeats(Now now, Outputs& out) {
  const proto::Heartbeat heartbeat = make_heartbeat(now, list_cursor);
  const std::vector<uint8_t> body = proto::encode_sync_packet(heartbeat);
  // Sealed once for the groups and once for unicast: of two copies of one packet a receiver takes the first,
  // and would not notice that the group works.
  if (config.multicast_groups > 0) send_to_groups(sealer.seal(proto::SyncStream::control, body), out);
  const std::vector<common::Endpoint> targets = heartbeat_targets(now);
  if (!targets.empty()) {
    const SealedPacket packet = sealer.seal(proto::SyncStream::control, body);
    for (const common::Endpoint& to : targets) send(to, packet, out);
    for (auto& [member_id, member] : members.all()) member.pace.take(static_cast<int64_t>(packet->size()));
  }
  challenge_seeds(now, out);
  ++heartbeats;
  // Past the last id the list begins anew (make_heartbeat wraps around).
  if (!heartbeat.members.empty()) list_cursor = heartbeat.members.back().id + 1;
}

void Cluster::Impl::send_greetings(Now now, Outputs& out) {
  if (greetings.empty()) return;
  if (!left) {
    const SealedPacket packet =
        sealer.seal(proto::SyncStream::control, proto::encode_sync_packet(make_heartbeat(now, list_cursor)));
    for (const common::Endpoint& to : greetings) send(to, packet, out);
  }
  greetings.clear();
}

std::vector<common::Endpoint> Cluster::Impl::heartbeat_targets(Now now) const {
  std::vector<common::Endpoint> targets;
  const bool probe_down = heartbeats % kProbeEvery == 0;
  for (const auto& [member_id, member] : members.all()) {
    if (probe_down || member.state(now.mono_us) != MemberState::down) targets.push_back(member.address);
  }
  for (const common::Endpoint& seed : seeds) {
    if (!members.covers(seed, now.mono_us)) targets.push_back(seed);
  }
  for (const auto& [address, named_us] : members.contacts()) {
    if (!members.covers(address, now.mono_us)) targets.push_back(address);
  }
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  if (config.advertise) std::erase(targets, *config.advertise);
  return targets;
}

void Cluster::Impl::apply_heartbeat(Now now, Member& member, const proto::SyncHeader& header,
                                    const Received& datagram, const proto::Heartbeat& heartbeat,
                                    Outputs& out) {
  if (header.sequence <= member.newest_heartbeat) return;  // overtaken by a later one
  member.newest_heartbeat = header.sequence;
  member.newest_heartbeat_us = now.mono_us;
  ++member.heartbeats;
  member.list_parts = heartbeat.list_parts;
  member.echo_us = heartbeat.send_us;
  member.name = heartbeat.name;
  member.peer_timeout_s = heartbeat.peer_timeout_s;
  member.repair.synced = heartbeat.synced;
  member.key_ids = heartbeat.key_ids;
  member.protocol_minor = heartbeat.minor;
  member.load_permille = heartbeat.load_permille;
  member.advertises = heartbeat.advertise.has_value();
  member.address = heartbeat.advertise.value_or(member.source);
  if (!datagram.group) note_source(now, member, datagram.from, out);
  member.gaps.announced(heartbeat.delta_sequence, now.mono_us);
  const bool met = !member.introduced;
  if (met) introduce(member, out);
  check_settings(now, member, out);
  if (met) note_met(now, member, heartbeat.uptime_ms, out);
  check_keys(now, member, out);
  note_access_digest(now, member, heartbeat.access_digest);
  learn_members(now, member, heartbeat, out);
}

void Cluster::Impl::introduce(Member& member, Outputs& out) {
  member.introduced = true;
  out.logs.push_back({LogLevel::info,
                      member.restarted ? "member restarted" : "member joined",
                      {{"member", display_name(member)}, {"address", to_string(member.address)}}});
}

void Cluster::Impl::check_settings(Now now, Member& member, Outputs& out) {
  member.refused.clear();
  if (member.peer_timeout_s == config.peer_timeout_s) return;
  member.refused = "tracker.peer_timeout_s is " + std::to_string(member.peer_timeout_s) + " there and " +
                   std::to_string(config.peer_timeout_s) + " here";
  complain(now, Complaint::other_settings,
           "member " + display_name(member) + " is refused: " + member.refused, member.address, out);
}

void Cluster::Impl::learn_members(Now now, Member& teller, const proto::Heartbeat& heartbeat, Outputs& out) {
  for (const proto::MemberEntry& entry : heartbeat.members) {
    const bool down = static_cast<MemberState>(entry.state) == MemberState::down;
    if (entry.id == id && entry.incarnation == config.incarnation) {
      hear_about_us(now, teller, heartbeat, entry, out);
      continue;
    }
    if (down) continue;
    if (entry.id == id) {
      // Our own last run, unless it was heard well after we started.
      const int64_t uptime_ms = (now.mono_us - started_us) / 1000;
      if (uptime_ms < int64_t{entry.heard_ago_ms} + kRestartMs) continue;
      hear_namesake(now, entry.endpoint, out);
    } else if (const Member* known = members.find(entry.id);
               known != nullptr && known->incarnation >= entry.incarnation) {
      continue;
    }
    if (members.add_contact(entry.endpoint, now.mono_us)) greetings.push_back(entry.endpoint);
  }
}

void Cluster::Impl::hear_about_us(Now now, Member& teller, const proto::Heartbeat& heartbeat,
                                  const proto::MemberEntry& entry, Outputs& out) {
  teller.loss_out_permille = entry.loss_permille;
  teller.hears_us_by_group_until_us =
      entry.heard_by_group ? now.mono_us + report_valid_us(heartbeat.list_parts) : kLongAgoUs;
  if (left && static_cast<MemberState>(entry.state) == MemberState::down &&
      entry.delta_watermark >= sealer.sequence(proto::SyncStream::deltas)) {
    teller.knows_we_left = true;
  }
  // Its clock is taken from heartbeats that say how long they were underway.
  if (const auto round_trip_us = measure_round_trip(now, teller, entry)) {
    note_clock(now, teller, {heartbeat.unix_ms, heartbeat.wall_ahead_ms, heartbeat.uptime_ms}, *round_trip_us,
               out);
  }
}

std::optional<int64_t> Cluster::Impl::measure_round_trip(Now now, Member& member,
                                                         const proto::MemberEntry& entry) {
  if (entry.echo_held_us == 0) return std::nullopt;
  // Modulo 2^32 us, which is over an hour.
  const uint32_t since_us = static_cast<uint32_t>(now.mono_us) - entry.echo_us;
  if (since_us < entry.echo_held_us) return std::nullopt;
  const int64_t round_trip_us = since_us - entry.echo_held_us;
  if (round_trip_us >= kEchoHeldMaxUs) return std::nullopt;
  member.measured_round_trip(round_trip_us);
  return round_trip_us;
}

void Cluster::Impl::note_silence(Now now, Outputs& out) {
  for (auto& [member_id, member] : members.all()) {
    const MemberState state = member.state(now.mono_us);
    if (state == member.told_state) continue;
    member.told_state = state;
    const std::string silent_ms = std::to_string((now.mono_us - member.heard_us) / 1000);
    const char* message = state == MemberState::alive     ? "member is back"
                          : state == MemberState::suspect ? "member is silent"
                                                          : "member is down";
    out.logs.push_back({state == MemberState::alive ? LogLevel::info : LogLevel::warn,
                        message,
                        {{"member", display_name(member)}, {"silent_ms", silent_ms}}});
  }
}

void Cluster::Impl::note_silent_seeds(Now now, Outputs& out) {
  std::erase_if(silent_seeds, [&](const auto& seed) {
    if (own_seeds.contains(seed.first) || members.covers(seed.first, now.mono_us)) return true;
    if (now.mono_us - seed.second < kSeedPatienceUs) return false;
    out.logs.push_back(
        {LogLevel::warn,
         "nothing is heard from a sync peer: it does not run, cannot be reached, or refuses this "
         "node, which its log would say",
         {{"address", to_string(seed.first)}}});
    return true;
  });
}

}  // namespace shoal::sync
