// SwarmView: one swarm as the API and the page show it. Plain values.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/endpoint.h"
#include "common/info_hash.h"
#include "node/admin/admin.h"
#include "node/store/swarm_store.h"

namespace shoal::node {

// Peers of each family in one answer.
constexpr uint32_t kViewPeersMax = 200;
constexpr uint32_t kViewPeersDefault = 20;

struct SwarmView {
  struct Peer {
    common::Endpoint address;
    std::string_view state;
    bool completed = false;
    int64_t age_s = 0;  // since its last announce, in steps of a tick
  };
  common::InfoHash info_hash;
  SwarmDetails details;
  std::vector<Peer> peers;  // drawn at random; by address
};

// Nothing if no peer of it is known. With the same seed the same peers are drawn, as long as the swarm stays
// as it is.
std::optional<SwarmView> view_swarm(const AdminContext& context, const common::InfoHash& info_hash,
                                    uint32_t peers_max, uint64_t seed);

}  // namespace shoal::node
