// The address prefixes by which clients and networks are counted and limited. An IPv6 host has its own /64, a
// site its own /48.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "common/endpoint.h"

namespace shoal::node {

// The family and the first bytes of the address; the others are zero.
using ClientPrefix = std::array<uint8_t, 9>;

inline ClientPrefix prefix_of(const common::Endpoint& client, size_t v4_bytes, size_t v6_bytes) {
  ClientPrefix prefix{static_cast<uint8_t>(client.family)};
  const size_t size = client.family == common::Family::v4 ? v4_bytes : v6_bytes;
  std::copy_n(client.address.begin(), size, prefix.begin() + 1);
  return prefix;
}

// An IPv4 address or an IPv6 /64.
inline ClientPrefix address_prefix(const common::Endpoint& client) { return prefix_of(client, 4, 8); }

// An IPv4 /24 or an IPv6 /48.
inline ClientPrefix network_prefix(const common::Endpoint& client) { return prefix_of(client, 3, 6); }

}  // namespace shoal::node
