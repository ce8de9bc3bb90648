#include "sync/status.h"

#include "sync/member.h"

namespace shoal::sync {

MemberStatus status_of(const Member& member, Now now) {
  const MemberProfile& profile = *member.profile;
  const MemberStream& stream = *member.stream;
  const MemberRepair& repair = *member.repair;
  MemberStatus row;
  row.name = member.display_name();
  row.id = member.id();
  row.incarnation = member.incarnation();
  row.address = member.address();
  row.state = member.state(now.mono_us);
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
  row.key_ids = profile.key_ids;
  row.protocol_minor = profile.protocol_minor;
  row.version = profile.version;
  row.load_permille = profile.load_permille;
  row.loss_in_permille = stream.loss.permille();
  row.loss_out_permille = profile.loss_out_permille;
  row.synced = profile.synced;
  row.differing = static_cast<uint32_t>(repair.differences.count());
  if (repair.agreed_us != MemberRepair::kNeverUs) {
    row.agreed_ago_ms = (now.mono_us - repair.agreed_us) / 1000;
  }
  return row;
}

}  // namespace shoal::sync
