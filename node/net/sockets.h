// Opening the sockets shoal listens on. All are non-blocking and close-on-exec; errors name the address and
// the reason, ready to be shown at start.

#pragma once

#include "common/endpoint.h"
#include "common/result.h"
#include "node/net/addresses.h"
#include "node/os/file_descriptor.h"

namespace shoal::node {

// Several sockets may be bound to one address (SO_REUSEPORT): the kernel spreads the traffic. On a wildcard
// address the address that was asked comes with every datagram (IP_PKTINFO, IPV6_RECVPKTINFO).
common::Result<FileDescriptor> open_tracker_udp(const common::Endpoint& address);

// Listening, with SO_REUSEPORT and TCP_NODELAY (which accepted connections inherit).
common::Result<FileDescriptor> open_tcp(const common::Endpoint& address, bool reuse_port);

// The unicast socket of the sync channel; it tells datagrams that found no room (SO_RXQ_OVFL). One per
// address: no SO_REUSEPORT, so a second node is refused.
common::Result<FileDescriptor> open_sync_udp(const common::Endpoint& address);

struct GroupSocket {
  FileDescriptor socket;
  unsigned interface_index = 0;  // 0: the system's choice
};

// Receives one multicast group on one interface and nothing else (bound to the group, IP_MULTICAST_ALL off);
// it tells datagrams that found no room.
common::Result<GroupSocket> open_sync_group(const MulticastGroup& group);

// The address a socket is really bound to; for port 0.
common::Endpoint local_endpoint(int fd);

// Raises the soft limit of open files to the hard one. Returns the limit in force.
size_t raise_open_files();

}  // namespace shoal::node
