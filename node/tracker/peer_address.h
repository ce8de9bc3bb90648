// Which addresses a peer can have. Pure; any thread.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/endpoint.h"
#include "common/loopback.h"

namespace shoal::node {

// False for addresses that no other peer can connect to, whatever the options say: unspecified (0.0.0.0/8,
// ::), link-local, multicast, broadcast and reserved (224.0.0.0/3) ones, and IPv6 ones that stand for an IPv4
// address
// (::/96). True for loopback: the caller knows who is on this machine.
inline bool can_be_peer(const common::Endpoint& endpoint) {
  const auto& bytes = endpoint.address;
  if (endpoint.family == common::Family::v4) {
    return bytes[0] != 0 && bytes[0] < 224 && !(bytes[0] == 169 && bytes[1] == 254);
  }
  if (bytes[0] == 0) {
    const bool short_one =
        std::all_of(bytes.begin(), bytes.begin() + 12, [](uint8_t byte) { return byte == 0; });
    return !short_one || common::is_loopback(endpoint);
  }
  return bytes[0] != 0xff && !(bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
}

// Removes loopback peers, which are of no use on another machine, from compact ones; returns the bytes left.
size_t remove_loopback(std::span<uint8_t> peers, common::Family family);

}  // namespace shoal::node
