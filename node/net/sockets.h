// Opens the sockets that shoal listens on. All are non-blocking and close-on-exec; those for datagrams ignore
// path MTUs. Errors name the address and the reason, for the operator at start.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/endpoint.h"
#include "common/result.h"
#include "node/net/addresses.h"
#include "node/os/file_descriptor.h"

namespace shoal::node {

// Who else may bind to the same address and port. SO_REUSEPORT alone would let a second tracker of the same
// user take half of the clients, without a word.
enum class PortUse : uint8_t {
  alone,   // nobody
  first,   // nobody does so far; sockets that this process opens later may join
  joined,  // joins sockets of this process: the kernel spreads the traffic among them
};

// On a wildcard address, every datagram carries the address it was sent to (IP_PKTINFO, IPV6_RECVPKTINFO).
common::Result<FileDescriptor> open_tracker_udp(const common::Endpoint& address, PortUse use);

// A listening socket with TCP_NODELAY, which accepted connections inherit. Connections that have ended do not
// keep the port (SO_REUSEADDR).
common::Result<FileDescriptor> open_tcp(const common::Endpoint& address, PortUse use);

// The sockets of all workers for all addresses: [worker][address]. An address that another process serves is
// an error, also if only one of the two is a wildcard address.
common::Result<std::vector<std::vector<FileDescriptor>>> open_for_workers(
    const std::vector<common::Endpoint>& addresses, Transport transport, size_t workers);

// The unicast socket of the sync channel. It counts datagrams dropped for lack of room (SO_RXQ_OVFL). No
// SO_REUSEPORT: a second node cannot bind to the same address.
common::Result<FileDescriptor> open_sync_udp(const common::Endpoint& address);

struct GroupSocket {
  FileDescriptor socket;
  unsigned interface_index = 0;  // 0: the system's choice
};

// Receives one multicast group on one interface and nothing else (bound to the group, IP_MULTICAST_ALL off).
// It counts datagrams dropped for lack of room.
common::Result<GroupSocket> open_sync_group(const MulticastGroup& group);

// The address that a socket is bound to, with the port that the kernel chose for port 0.
common::Endpoint local_endpoint(int fd);

// Whether the kernel has such sockets at all. It may be built or started without IPv6.
bool has_family(common::Family family);

// The index of an interface; 0: there is none of this name.
unsigned interface_index(const std::string& name);

// The indices of all interfaces, ascending; empty if the kernel does not tell. One that was removed and comes
// back has another index.
std::vector<unsigned> interface_indices();

// Whether this machine has the interface, and the address of a listener on one of its interfaces.
bool has_interface(const std::string& name);
bool has_address(const common::Endpoint& address);

}  // namespace shoal::node
