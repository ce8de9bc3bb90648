// Endpoints as the kernel's socket addresses.

#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "common/endpoint.h"

namespace shoal::node {

// Fills `out` and returns the length to hand to the kernel. `scope` is the interface index of an IPv6
// link-local address, 0 elsewhere.
socklen_t to_sockaddr(const common::Endpoint& endpoint, sockaddr_storage& out, uint32_t scope = 0);

// IPv4-mapped IPv6 addresses become IPv4. Families other than AF_INET and AF_INET6 are our bug.
common::Endpoint from_sockaddr(const sockaddr* address);

}  // namespace shoal::node
