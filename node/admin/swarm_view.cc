#include "node/admin/swarm_view.h"

#include <algorithm>
#include <utility>

namespace shoal::node {

namespace {

std::string_view to_string(proto::PeerRole role) {
  switch (role) {
    case proto::PeerRole::leecher:
      return "leecher";
    case proto::PeerRole::seeder:
      return "seeder";
    case proto::PeerRole::stopped:
      return "stopped";
  }
  return "?";
}

}  // namespace

std::optional<SwarmView> view_swarm(const AdminContext& context, const common::InfoHash& info_hash,
                                    uint32_t peers_max, uint64_t seed) {
  common::Prng prng(seed);
  auto details = context.store->inspect(context.store->locate(info_hash), info_hash, peers_max, prng);
  if (!details) return std::nullopt;
  SwarmView view{.info_hash = info_hash, .details = std::move(*details), .peers = {}};
  for (const proto::Delta& peer : view.details.peers) {
    const int64_t age_ticks = std::max(0, common::stamp_age(context.clock->tick(), peer.stamp));
    view.peers.push_back({.address = peer.peer,
                          .state = to_string(peer.state.role),
                          .completed = peer.state.completed,
                          .age_s = age_ticks * context.clock->tick_ms() / 1000});
  }
  std::sort(view.peers.begin(), view.peers.end(),
            [](const auto& a, const auto& b) { return a.address < b.address; });
  return view;
}

}  // namespace shoal::node
