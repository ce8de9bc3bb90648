#include "sync/key_checks.h"

#include <algorithm>

#include "common/hex.h"
#include "proto/sync_packet.h"

namespace shoal::sync {

void KeyChecks::check(Now now, const Member& member, Outputs& out) {
  const std::vector<KeyId>& held = member.profile->key_ids;
  // A list that was cut short may hold it all the same.
  if (held.empty() || held.size() >= proto::kSyncKeyIdsMax ||
      member.liveness(now.mono_us) == Liveness::down ||
      std::find(held.begin(), held.end(), keys_.sealing().id) != held.end()) {
    return;
  }
  complaints_.log(now, Complaint::key_not_held,
                  "member " + member.display_name() + " does not hold key " +
                      common::to_hex(keys_.sealing().id) +
                      ", by which this node seals: it cannot hear this node. Its keys: " + to_text(held),
                  member.address(), out);
}

void KeyChecks::unauthentic(Now now, const proto::SyncHeader& header, const common::Endpoint& from,
                            Outputs& out) {
  const std::string id = common::to_hex(header.key_id);
  const std::string why =
      keys_.holds(header.key_id)
          ? "that key " + id + " does not open: altered, or of another cluster"
          : "that no key opens: sealed by key " + id + ", and this node holds " + to_text(keys_.ids());
  // A node of this site may have passed it on: the address is not that of who sealed it.
  complaints_.log(
      now, Complaint::unauthentic,
      "sync datagrams arrive " + why + ". They name node id " + common::node_id_text(header.node_id), from,
      out);
}

}  // namespace shoal::sync
