// The limits of a node, and the names under which their hits are counted and reported to the operator.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace shoal::node {

enum class Limit : uint8_t {
  none,
  swarms,           // limits.swarms: an announce that would have added a swarm
  peers,            // limits.peers: an announce that would have added a peer
  peers_per_swarm,  // limits.peers_per_swarm: a peer that was answered and not stored
  memory,           // limits.memory_mb: a swarm given up to make room, or an announce that found none
  merged_swarms,    // the hard cap of swarms, for records of other nodes
  merged_peers,     // the hard cap of peers, for records of other nodes
  merged_memory,    // limits.memory_mb: a record of another node that found no room
  connections,      // limits.connections: a connection closed to make room
  connections_per_address,
  requests_per_s_per_address,
  requests_per_s_per_prefix,
};
constexpr size_t kLimits = 12;

// The number of hits of each limit since start.
using LimitHits = std::array<uint64_t, kLimits>;

constexpr std::array<std::string_view, kLimits> kLimitNames = {"none",
                                                               "swarms",
                                                               "peers",
                                                               "peers_per_swarm",
                                                               "memory",
                                                               "merged_swarms",
                                                               "merged_peers",
                                                               "merged_memory",
                                                               "connections",
                                                               "connections_per_address",
                                                               "requests_per_s_per_address",
                                                               "requests_per_s_per_prefix"};

constexpr size_t index_of(Limit limit) { return static_cast<size_t>(limit); }

}  // namespace shoal::node
