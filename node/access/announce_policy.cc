#include "node/access/announce_policy.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

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

AnnouncePolicy::AnnouncePolicy(AccessRules swarms, const Options::Access& options, DeniedNetworks denied)
    : swarms_(std::move(swarms)), options_(options), denied_(std::move(denied)) {}

std::shared_ptr<const AnnouncePolicy> AnnouncePolicy::unless_open(AccessRules swarms,
                                                                  const Options::Access& options,
                                                                  DeniedNetworks denied) {
  auto policy = std::make_shared<const AnnouncePolicy>(std::move(swarms), options, std::move(denied));
  return policy->forbids_anything() ? policy : nullptr;
}

bool AnnouncePolicy::forbids_anything() const {
  return restricts_swarms() || !options_.clients_allow.empty() || !options_.clients_deny.empty() ||
         !denied_.empty() || !options_.private_addresses;
}

Refusal AnnouncePolicy::judge_address(const common::Endpoint& peer) const {
  if (denies(peer)) return Refusal::network;
  return !options_.private_addresses && common::is_private(peer) ? Refusal::private_address : Refusal::none;
}

Refusal AnnouncePolicy::judge(const proto::AnnounceRequest& request, const common::Endpoint& peer) const {
  if (const Refusal refusal = judge_address(peer); refusal != Refusal::none) return refusal;
  if (!swarms_.allows(request.info_hash)) return Refusal::swarm;
  if (options_.clients_allow.empty() && options_.clients_deny.empty()) return Refusal::none;
  const std::string_view peer_id(reinterpret_cast<const char*>(request.peer_id.data()),
                                 request.peer_id.size());
  const bool allowed = options_.clients_allow.empty() || begins_with_one_of(peer_id, options_.clients_allow);
  return allowed && !begins_with_one_of(peer_id, options_.clients_deny) ? Refusal::none : Refusal::client;
}

}  // namespace shoal::node
