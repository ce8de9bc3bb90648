#include "node/access/announce_policy.h"

#include <algorithm>
#include <utility>

namespace shoal::node {

namespace {

bool begins_with_one_of(std::string_view peer_id, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return peer_id.starts_with(prefix); });
}

}  // namespace

std::string_view to_string(Refusal refusal) {
  switch (refusal) {
    case Refusal::none:
      return "";
    case Refusal::swarm:
      // The usual text of trackers, which clients and scripts recognise.
      return "Requested download is not authorized for use with this tracker.";
    case Refusal::client:
      return "this client is not allowed on this tracker";
    case Refusal::network:
      return "this network is not allowed on this tracker";
    case Refusal::private_address:
      return "private addresses are not allowed on this tracker";
    case Refusal::full:
      return "tracker is full";
  }
  return "";
}

AnnouncePolicy::AnnouncePolicy(AccessRules swarms, const Options::Access& options)
    : swarms_(std::move(swarms)),
      clients_allow_(options.clients_allow),
      clients_deny_(options.clients_deny),
      denied_networks_(options.deny_networks),
      private_addresses_(options.private_addresses) {}

std::shared_ptr<const AnnouncePolicy> AnnouncePolicy::unless_open(AccessRules swarms,
                                                                  const Options::Access& options) {
  auto policy = std::make_shared<const AnnouncePolicy>(std::move(swarms), options);
  return policy->forbids_anything() ? policy : nullptr;
}

bool AnnouncePolicy::forbids_anything() const {
  return restricts_swarms() || !clients_allow_.empty() || !clients_deny_.empty() ||
         !denied_networks_.empty() || !private_addresses_;
}

Refusal AnnouncePolicy::judge_address(const common::Endpoint& peer) const {
  if (denies(peer)) return Refusal::network;
  return !private_addresses_ && common::is_private(peer) ? Refusal::private_address : Refusal::none;
}

Refusal AnnouncePolicy::judge(const proto::AnnounceRequest& request, const common::Endpoint& peer) const {
  if (const Refusal refusal = judge_address(peer); refusal != Refusal::none) return refusal;
  if (!swarms_.allows(request.info_hash)) return Refusal::swarm;
  if (clients_allow_.empty() && clients_deny_.empty()) return Refusal::none;
  const std::string_view peer_id(reinterpret_cast<const char*>(request.peer_id.data()),
                                 request.peer_id.size());
  const bool allowed = clients_allow_.empty() || begins_with_one_of(peer_id, clients_allow_);
  return allowed && !begins_with_one_of(peer_id, clients_deny_) ? Refusal::none : Refusal::client;
}

}  // namespace shoal::node
