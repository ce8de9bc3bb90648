#include "sync/status.h"

#include "sync/member.h"
#include "sync/namesakes.h"

namespace shoal::sync {

namespace {

// Peers that a line of text names.
constexpr size_t kPeersInText = 8;

MemberState state_of(const Member& member, Now now) {
  if (member.left()) return MemberState::left;
  switch (member.liveness(now.mono_us)) {
    case Liveness::down:
      return MemberState::down;
    case Liveness::suspect:
      return member.refused() ? MemberState::refused : MemberState::suspect;
    case Liveness::alive:
      break;
  }
  if (member.refused()) return MemberState::refused;
  return member.misses_us(now.mono_us) ? MemberState::one_way : MemberState::alive;
}

}  // namespace

std::string_view to_string(PeerSight sight) {
  switch (sight) {
    case PeerSight::met:
      return "met";
    case PeerSight::own:
      return "own";
    case PeerSight::left:
      return "left";
    case PeerSight::refused:
      return "refused";
    case PeerSight::namesake:
      return "namesake";
    case PeerSight::one_way:
      return "one_way";
    case PeerSight::other_key:
      return "other_key";
    case PeerSight::altered:
      return "altered";
    case PeerSight::other_cluster:
      return "other_cluster";
    case PeerSight::other_version:
      return "other_version";
    case PeerSight::silent:
      break;
    case PeerSight::unresolved:
      return "unresolved";
  }
  return "silent";
}

std::string alone_text(const std::vector<PeerStatus>& peers) {
  std::string list;
  size_t others = 0;
  for (const PeerStatus& peer : peers) {
    if (peer.sight == PeerSight::own) continue;
    if (++others > kPeersInText) continue;
    list += (list.empty() ? "" : ", ") + peer.peer + " " + peer.text;
  }
  if (others > kPeersInText) list += " and " + std::to_string(others - kPeersInText) + " more";
  return (others == 1 ? "the only sync peer does not answer ("
                      : "no sync peer of " + std::to_string(others) + " answers (") +
         list + ")";
}

MemberStatus status_of(const Member& member, Now now) {
  const MemberProfile& profile = *member.profile;
  const MemberStream& stream = *member.stream;
  const MemberRepair& repair = *member.repair;
  MemberStatus row;
  row.name = member.display_name();
  row.id = member.id();
  row.incarnation = member.incarnation();
  row.address = member.address();
  row.state = state_of(member, now);
  row.heard_ago_ms = (now.mono_us - member.heard_us()) / 1000;
  row.multicast = member.hears_us_by_group(now.mono_us);
  row.datagrams_received = member.datagrams_received();
  row.deltas_received = stream.deltas_received;
  row.missing = stream.gaps.missing();
  row.lost = stream.gaps.lost();
  row.late = stream.gaps.late();
  row.repaired = stream.gaps.repaired();
  row.lag_us = stream.lag_us;
  row.bytes_received = member.bytes_received();
  row.nacks_sent = stream.nacks_sent;
  row.round_trip_us = member.measured_round_trip_us();
  if (member.clock->known) {
    row.clock_offset_ms = member.clock->wall_offset_ms - (now.unix_ms - now.mono_us / 1000);
  }
  row.announces_per_s = profile.announces_per_s;
  row.interval_s = profile.interval_s;
  row.refused = profile.refused;
  row.namesake = Namesakes::claimant(member, now.mono_us);
  row.key_ids = profile.key_ids;
  row.protocol_minor = profile.protocol_minor;
  row.version = profile.version;
  row.site = member.site->name;
  row.forwards = member.site->forwards;
  row.load_permille = profile.load_permille;
  row.loss_in_permille = stream.loss.permille();
  row.loss_out_permille = profile.loss_out_permille;
  row.synced = profile.synced && row.state != MemberState::refused && !is_gone(row.state);
  row.differing = static_cast<uint32_t>(repair.differences.count());
  if (repair.agreed_us != MemberRepair::kNeverUs) {
    row.agreed_ago_ms = (now.mono_us - repair.agreed_us) / 1000;
  }
  row.partial = repair.partial;
  row.answers_pulls = !member.met(now.mono_us) && member.answers(now.mono_us);
  row.pull_trouble = member.pulls->trouble;
  return row;
}

}  // namespace shoal::sync
