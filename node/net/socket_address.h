// Converts endpoints to and from the kernel's socket addresses.

#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "common/endpoint.h"

namespace shoal::node {

// Fills `out` and returns its length for the kernel. `scope` is the interface index of an IPv6 link-local
// address, otherwise 0.
socklen_t to_sockaddr(const common::Endpoint& endpoint, sockaddr_storage& out, uint32_t scope = 0);

// Turns IPv4-mapped IPv6 addresses into IPv4. Any family but AF_INET and AF_INET6 is our bug (CHECK).
common::Endpoint from_sockaddr(const sockaddr* address);

}  // namespace shoal::node
