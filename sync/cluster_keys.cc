// Keys that change while the node runs, and packets that no key opens.

#include <algorithm>

#include "common/hex.h"
#include "sync/cluster_impl.h"

namespace shoal::sync {

void Cluster::Impl::set_keys(Now now, const std::vector<ClusterKey>& secrets, Outputs& out) {
  const KeyRing next(secrets, config.cluster);
  // So all that is kept for resending opens for members that drop the old key next.
  if (next.sealing().key != keys.sealing().key) ring.reseal(keys, next.sealing());
  keys = next;
  next_heartbeat_us = now.mono_us;
  for (const auto& [member_id, member] : members.all()) check_keys(now, member, out);
}

void Cluster::Impl::check_keys(Now now, const Member& member, Outputs& out) {
  const std::vector<KeyId>& held = member.key_ids;
  // A list cut short may hold it all the same.
  if (held.empty() || held.size() >= proto::kSyncKeyIdsMax ||
      member.state(now.mono_us) == MemberState::down ||
      std::find(held.begin(), held.end(), keys.sealing().id) != held.end()) {
    return;
  }
  complain(now, Complaint::key_not_held,
           "member " + display_name(member) + " does not hold key " + common::to_hex(keys.sealing().id) +
               ", by which this node seals: it cannot hear this node. Its keys: " + to_text(held),
           member.address, out);
}

void Cluster::Impl::hear_unauthentic(Now now, const proto::SyncHeader& header, const common::Endpoint& from,
                                     Outputs& out) {
  ++stats.dropped_unauthentic;
  const std::string id = common::to_hex(header.key_id);
  complain(now, Complaint::unauthentic,
           keys.holds(header.key_id)
               ? "sync datagrams arrive that key " + id + " does not open: altered, or of another cluster"
               : "sync datagrams arrive that no key opens: sealed by key " + id + ", and this node holds " +
                     to_text(keys.ids()),
           from, out);
}

}  // namespace shoal::sync
