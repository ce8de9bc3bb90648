#include "sync/heartbeats.h"

#include <algorithm>
#include <string>

namespace shoal::sync {

namespace {

using common::LogLevel;

// Seeds that have been silent for some time are challenged with one heartbeat in so many.
constexpr uint64_t kProbeEvery = 10;

// A down member is sent one heartbeat in so many. If only its own packets do not arrive here, it hears that
// we are alive.
constexpr uint64_t kDownEvery = 4;
static_assert(kDownEvery * kHeartbeatUs < kSuspectAfterUs);

// "I hear you by a group": said for this long after the last packet that came by one.
constexpr int64_t kGroupHeardUs = 3 * kHeartbeatUs + kHeartbeatUs / 2;

// An older echo says nothing about now.
constexpr int64_t kEchoHeldMaxUs = 60'000'000;

// Packets of a node's last run may be in flight for this long after it has started again.
constexpr int64_t kRestartMs = 2'000;

constexpr int64_t kLeaveAnswerEveryUs = 40'000;

// Members named in one heartbeat, so that it always fits a datagram.
size_t entries_per_heartbeat(const Identity& identity) {
  const size_t of_site = identity.site.empty() ? 0 : proto::kHeartbeatSiteBytesMax;
  return (proto::kSyncBodyMax - proto::kHeartbeatBytesMax - of_site - identity.name.size()) /
         proto::kMemberEntryBytesMax;
}

proto::MemberEntry entry_of(const Member& member, int64_t now_us) {
  constexpr int64_t kHeardAgoMaxMs = Membership::kForgetAfterUs / 1000;
  proto::MemberEntry entry;
  entry.id = member.id();
  entry.incarnation = member.incarnation();
  entry.endpoint = member.address();
  entry.state = static_cast<uint8_t>(member.liveness(now_us));
  entry.heard_ago_ms =
      static_cast<uint32_t>(std::clamp<int64_t>((now_us - member.heard_us()) / 1000, 0, kHeardAgoMaxMs));
  entry.heard_by_group = now_us - member.heard_by_group_us() < kGroupHeardUs;
  entry.delta_watermark = DeltaReceiver::merged_up_to(member);
  const int64_t held_us = now_us - member.profile->newest_heartbeat_us;
  if (held_us < kEchoHeldMaxUs) {
    entry.echo_us = member.profile->echo_us;
    entry.echo_held_us = static_cast<uint32_t>(std::max<int64_t>(held_us, 1));
  }
  entry.loss_permille = member.stream->loss.permille();
  return entry;
}

// A report is valid until the member has had time to repeat it twice.
int64_t report_valid_us(uint32_t list_parts) {
  return (2 * int64_t{std::min<uint32_t>(list_parts, Membership::kMembersMax)} + 2) * kHeartbeatUs;
}

}  // namespace

void Heartbeats::set_load(uint32_t permille) { load_permille_ = std::min(permille, proto::kPermilleMax); }

proto::Heartbeat Heartbeats::make(Now now, uint64_t first_id) const {
  proto::Heartbeat out;
  out.name = at_.identity.name;
  out.send_us = static_cast<uint32_t>(now.mono_us);
  out.unix_ms = std::max<int64_t>(at_.clock.at_ms(now), 0);
  out.wall_ahead_ms = at_.clock.time().announced_wall_ahead_ms();
  out.uptime_ms = at_.identity.uptime_ms(now);
  out.synced = at_.bootstrap.synced();
  out.peer_timeout_s = at_.identity.peer_timeout_s;
  out.key_ids = at_.keys.ids();
  out.key_ids.resize(std::min(out.key_ids.size(), proto::kSyncKeyIdsMax));
  out.minor = proto::kSyncMinor;
  out.version = at_.identity.version;
  out.load_permille = load_permille_;
  out.access_digest = at_.access.digest();
  out.ban_digest = at_.bans.digest();
  out.web = true;
  out.numbered = at_.identity.numbered;
  out.sketches = at_.identity.sketching != Sketching::never;
  out.site = at_.identity.site;
  out.forwarders = at_.sites.forwarders();
  out.advertise = at_.identity.advertise;
  out.delta_sequence = at_.sender.delta_sequence();
  const auto& members = at_.members.all();
  const size_t per_heartbeat = entries_per_heartbeat(at_.identity);
  out.list_parts = static_cast<uint32_t>((members.size() + per_heartbeat - 1) / per_heartbeat);
  auto next = members.lower_bound(first_id);
  for (size_t i = 0; i < std::min(members.size(), per_heartbeat); ++i, ++next) {
    if (next == members.end()) next = members.begin();
    out.members.push_back(entry_of(next->second, now.mono_us));
  }
  return out;
}

void Heartbeats::send_round(Now now, Outputs& out) {
  const proto::Heartbeat heartbeat = make(now, list_cursor_);
  const std::vector<uint8_t> body = proto::encode_sync_packet(heartbeat);
  // Sealed once for the groups and once for unicast: of two copies of one packet a receiver drops the second,
  // and would not notice that the group works.
  if (at_.sender.has_groups()) {
    at_.sender.send_to_groups(at_.sender.seal(proto::SyncStream::control, body), out);
  }
  if (const std::vector<common::Endpoint> to_all = targets(now); !to_all.empty()) {
    const SealedPacket packet = at_.sender.seal(proto::SyncStream::control, body);
    for (const common::Endpoint& to : to_all) at_.sender.send(to, packet, out);
    at_.sender.charge_members(packet);
  }
  at_.addresses.challenge_seeds(now, rounds_ % kProbeEvery == 0, out);
  ++rounds_;
  // After the last id the list starts over (make() wraps around).
  if (!heartbeat.members.empty()) list_cursor_ = heartbeat.members.back().id + 1;
}

void Heartbeats::send_greetings(Now now, Outputs& out) {
  if (at_.greetings.empty()) return;
  const std::vector<common::Endpoint> addresses = at_.greetings.drain();
  if (at_.departure.left()) return;
  const SealedPacket packet = at_.sender.seal_control(make(now, list_cursor_));
  for (const common::Endpoint& to : addresses) at_.sender.send(to, packet, out);
}

std::vector<common::Endpoint> Heartbeats::targets(Now now) const {
  std::vector<common::Endpoint> out;
  const bool probe_down = rounds_ % kDownEvery == 0;
  for (const auto& [id, member] : at_.members.all()) {
    if (probe_down || member.may_hear_us(now.mono_us)) out.push_back(member.address());
  }
  for (const common::Endpoint& seed : at_.addresses.seeds()) {
    if (!at_.members.covers(seed, now.mono_us)) out.push_back(seed);
  }
  for (const auto& [address, named_us] : at_.members.contacts()) {
    if (!at_.members.covers(address, now.mono_us)) out.push_back(address);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  if (at_.identity.advertise) std::erase(out, *at_.identity.advertise);
  return out;
}

void Heartbeats::receive(const Arrival& arrival, const proto::Heartbeat& heartbeat, Outputs& out) {
  const Now now = arrival.now;
  Member& member = arrival.member;
  MemberProfile& profile = member.profile.mine();
  if (arrival.header.sequence <= profile.newest_heartbeat) return;  // overtaken by a later one
  profile.newest_heartbeat = arrival.header.sequence;
  profile.newest_heartbeat_us = now.mono_us;
  ++profile.heartbeats;
  profile.list_parts = heartbeat.list_parts;
  profile.echo_us = heartbeat.send_us;
  profile.name = heartbeat.name;
  profile.peer_timeout_s = heartbeat.peer_timeout_s;
  profile.synced = heartbeat.synced;
  profile.key_ids = heartbeat.key_ids;
  profile.protocol_minor = heartbeat.minor;
  profile.version = heartbeat.version;
  profile.load_permille = heartbeat.load_permille;
  profile.web = heartbeat.web;
  profile.numbered = heartbeat.numbered;
  profile.sketches = heartbeat.sketches;
  at_.sites.learn(now, member, heartbeat);
  at_.addresses.advertised(now, member, heartbeat.advertise, arrival.datagram, out);
  at_.streams.announced(now, member, heartbeat.delta_sequence);
  const bool first = !profile.introduced;
  if (first) {
    profile.introduced = true;
    at_.complaints.note(now,
                        {LogLevel::info,
                         member.restarted() ? "member restarted" : "member joined",
                         {{"member", member.display_name()}, {"address", to_string(member.address())}}},
                        out);
  }
  check_settings(now, member, out);
  if (first) at_.bootstrap.met(now, member, heartbeat.uptime_ms, out);
  at_.key_checks.check(now, member, out);
  at_.access.compare(now, member, heartbeat.access_digest);
  at_.bans.compare(now, member, heartbeat.ban_digest);
  learn_members(now, member, heartbeat, out);
}

void Heartbeats::receive(const Arrival& arrival, const proto::Leave& leave, Outputs& out) {
  Member& member = arrival.member;
  at_.streams.announced(arrival.now, member, leave.delta_sequence);
  if (!member.left()) {
    member.set_left();
    at_.complaints.note(arrival.now, {LogLevel::info, "member left", {{"member", member.display_name()}}},
                        out);
  }
  // It exits once it hears from us that we know, and have everything it sent. It says so every 50 ms.
  MemberProfile& profile = member.profile.mine();
  if (arrival.now.mono_us - profile.leave_answered_us < kLeaveAnswerEveryUs) return;
  profile.leave_answered_us = arrival.now.mono_us;
  at_.sender.send(member.address(), make(arrival.now, member.id()), out);
}

void Heartbeats::receive(const Arrival& arrival, const proto::ClientLoad& load, Outputs&) {
  MemberProfile& profile = arrival.member.profile.mine();
  profile.announces_per_s = load.announces_per_s;
  profile.interval_s = load.interval_s;
}

void Heartbeats::check_settings(Now now, Member& member, Outputs& out) {
  MemberProfile& profile = member.profile.mine();
  profile.refused.clear();
  if (profile.peer_timeout_s == at_.identity.peer_timeout_s) return;
  profile.refused = "tracker.peer_timeout_s is " + std::to_string(profile.peer_timeout_s) + " there and " +
                    std::to_string(at_.identity.peer_timeout_s) + " here";
  at_.complaints.log(now, Complaint::other_settings,
                     "member " + member.display_name() + " is refused: " + profile.refused, member.address(),
                     out);
}

void Heartbeats::learn_members(Now now, Member& member, const proto::Heartbeat& heartbeat, Outputs& out) {
  for (const proto::MemberEntry& entry : heartbeat.members) {
    if (entry.id == at_.identity.id && entry.incarnation == at_.identity.incarnation) {
      learn_about_us(now, member, heartbeat, entry, out);
      continue;
    }
    Member* known = at_.members.find(entry.id);
    if (known != nullptr && known->incarnation() == entry.incarnation) {
      note_hearing(now, member, *known, entry, report_valid_us(heartbeat.list_parts));
    }
    if (static_cast<Liveness>(entry.state) == Liveness::down) continue;
    if (entry.id == at_.identity.id) {
      member.profile.mine().names_other_run = true;
      // It is our own last run, unless it was heard well after we started: then we greet it, to settle whose
      // name it is.
      if (at_.identity.uptime_ms(now) < int64_t{entry.heard_ago_ms} + kRestartMs) continue;
    } else if (known != nullptr && known->incarnation() >= entry.incarnation) {
      continue;
    }
    if (!at_.members.add_contact(entry.endpoint, now.mono_us)) continue;
    // Addresses are hearsay. What is not greeted at once is in the next round.
    contact_greetings_.refill(now.mono_us);
    if (!contact_greetings_.open()) continue;
    contact_greetings_.spend(1);
    at_.greetings.add(entry.endpoint);
  }
}

void Heartbeats::note_hearing(Now now, const Member& member, Member& other, const proto::MemberEntry& entry,
                              int64_t valid_us) {
  if (other.met(now.mono_us) && other.profile->heard_by.empty()) return;
  auto& heard_by = other.profile.mine().heard_by;
  const bool hears = !other.met(now.mono_us) && member.met(now.mono_us) &&
                     static_cast<Liveness>(entry.state) == Liveness::alive;
  if (hears) {
    heard_by[member.id()] = now.mono_us + valid_us;
  } else {
    heard_by.erase(member.id());
  }
}

void Heartbeats::learn_about_us(Now now, Member& member, const proto::Heartbeat& heartbeat,
                                const proto::MemberEntry& entry, Outputs& out) {
  member.profile.mine().loss_out_permille = entry.loss_permille;
  member.profile.mine().hears_us_ago_ms = entry.heard_ago_ms;
  member.profile.mine().names_other_run = false;
  member.hears_us_by_group_until(entry.heard_by_group ? now.mono_us + report_valid_us(heartbeat.list_parts)
                                                      : kLongAgoUs);
  const bool heard = static_cast<Liveness>(entry.state) != Liveness::down;
  member.hears_us_until(heard ? now.mono_us + kDownAfterUs + report_valid_us(heartbeat.list_parts)
                              : kLongAgoUs);
  at_.departure.hear(member, entry);
  // Clocks are read from heartbeats whose time in flight is known.
  if (const auto round_trip = round_trip_us(now, entry)) {
    member.add_round_trip(*round_trip);
    at_.clock.add_reading(now, member, {heartbeat.unix_ms, heartbeat.wall_ahead_ms, heartbeat.uptime_ms},
                          *round_trip, out);
  }
}

std::optional<int64_t> Heartbeats::round_trip_us(Now now, const proto::MemberEntry& entry) {
  if (entry.echo_held_us == 0) return std::nullopt;
  // Modulo 2^32 us, which is over an hour.
  const uint32_t since_us = static_cast<uint32_t>(now.mono_us) - entry.echo_us;
  if (since_us < entry.echo_held_us) return std::nullopt;
  const int64_t round_trip_us = since_us - entry.echo_held_us;
  if (round_trip_us >= kEchoHeldMaxUs) return std::nullopt;
  return round_trip_us;
}

void Heartbeats::log_states(Now now, Outputs& out) {
  for (auto& [id, member] : at_.members.all()) {
    MemberProfile& profile = member.profile.mine();
    std::erase_if(profile.heard_by, [now](const auto& entry) { return now.mono_us >= entry.second; });
    const Liveness state = member.liveness(now.mono_us);
    if (state == Liveness::alive && member.misses_us(now.mono_us) != profile.logged_deaf) {
      profile.logged_deaf = !profile.logged_deaf;
      out.logs.push_back({profile.logged_deaf ? LogLevel::warn : LogLevel::info,
                          profile.logged_deaf ? "member is heard, but does not hear this node"
                                              : "member hears this node again",
                          {{"member", member.display_name()}, {"address", to_string(member.address())}}});
    }
    if (state == profile.logged_state || member.left()) continue;
    profile.logged_state = state;
    const std::string silent_ms = std::to_string((now.mono_us - member.heard_us()) / 1000);
    const char* message = state == Liveness::alive     ? "member is back"
                          : state == Liveness::suspect ? "member is silent"
                                                       : "member is down";
    at_.complaints.note(now,
                        {state == Liveness::alive ? LogLevel::info : LogLevel::warn,
                         message,
                         {{"member", member.display_name()}, {"silent_ms", silent_ms}}},
                        out);
  }
}

}  // namespace shoal::sync
