#include "node/net/sockets.h"

#include <net/if.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "node/net/port_owner.h"
#include "node/net/socket_address.h"
#include "node/os/surroundings.h"

namespace shoal::node {

using common::Endpoint;
using common::fail;
using common::Family;
using common::Result;

namespace {

// Bursts of datagrams wait in this buffer while a worker is busy. The kernel may grant less.
constexpr int kUdpBufferBytes = 4 << 20;
constexpr int kListenBacklog = 4096;

tl::unexpected<common::Error> fail_errno(const std::string& what) {
  return fail(what + ": " + std::strerror(errno));
}

bool set_option(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

int af(const Endpoint& address) { return address.family == Family::v4 ? AF_INET : AF_INET6; }

Result<FileDescriptor> open_socket(const Endpoint& address, int type) {
  FileDescriptor socket(::socket(af(address), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) {
    const int error = errno;
    const char* helps = "";
    if (error == EAFNOSUPPORT)
      helps = address.family == Family::v6 ? ": this kernel has no IPv6" : ": this kernel has no IPv4";
    std::string message = system_failure("open a socket for " + common::to_string(address), error);
    return fail(message + helps);
  }
  if (address.family == Family::v6) set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  return socket;
}

// Of bind() or listen(), by errno.
tl::unexpected<common::Error> cannot_listen(const Endpoint& address, Transport transport, const char* what) {
  const int error = errno;
  std::string message =
      "cannot listen on " + common::to_string(address) + " (" + what + "): " + std::strerror(error);
  if (error == EADDRINUSE) {
    const std::string owner = port_owner(address, transport);
    if (!owner.empty()) message += " by " + owner;
  }
  if (error == EADDRNOTAVAIL) message += ": no interface of this machine has it";
  return fail(message);
}

// `scope`: the interface of an IPv6 address that is valid on only one interface.
Result<void> bind_socket(const FileDescriptor& socket, const Endpoint& address, Transport transport,
                         const char* what, unsigned scope = 0) {
  sockaddr_storage storage;
  const socklen_t size = to_sockaddr(address, storage, scope);
  if (bind(socket.get(), reinterpret_cast<sockaddr*>(&storage), size) == 0) return {};
  return cannot_listen(address, transport, what);
}

void reuse_port(const FileDescriptor& socket) { set_option(socket.get(), SOL_SOCKET, SO_REUSEPORT, 1); }

void enlarge_buffers(const FileDescriptor& socket) {
  set_option(socket.get(), SOL_SOCKET, SO_RCVBUF, kUdpBufferBytes);
  set_option(socket.get(), SOL_SOCKET, SO_SNDBUF, kUdpBufferBytes);
}

// Datagrams leave as they are, whatever path MTU the kernel has learnt: anybody can forge the ICMP messages
// that tell it, and it would cut datagrams into fragments, which many networks drop. OMIT rather than
// INTERFACE: the latter could send nothing through an interface of less than 1280 bytes. What shoal sends
// passes every path: proto::kPathMtuMin.
void ignore_path_mtu(const FileDescriptor& socket, const Endpoint& address) {
  if (address.family == Family::v4) {
    set_option(socket.get(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
  } else {
    set_option(socket.get(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
  }
}

// The kernel reports with each datagram how many it has dropped for lack of room so far.
void count_overflow(const FileDescriptor& socket) { set_option(socket.get(), SOL_SOCKET, SO_RXQ_OVFL, 1); }

bool join_group(int fd, const MulticastGroup& group, unsigned interface_index) {
  if (group.group.family == Family::v4) {
    ip_mreqn request{};
    std::memcpy(&request.imr_multiaddr, group.group.address.data(), 4);
    request.imr_ifindex = static_cast<int>(interface_index);
    return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) == 0 &&
           set_option(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
  }
  ipv6_mreq request{};
  std::memcpy(&request.ipv6mr_multiaddr, group.group.address.data(), 16);
  request.ipv6mr_interface = interface_index;
  constexpr int kIpv6MulticastAll = 29;  // from linux/in6.h; missing in glibc's headers
  return setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request) == 0 &&
         set_option(fd, IPPROTO_IPV6, kIpv6MulticastAll, 0);
}

}  // namespace

Result<FileDescriptor> open_tracker_udp(const Endpoint& address, PortUse use) {
  auto socket = open_socket(address, SOCK_DGRAM);
  if (!socket) return socket;
  if (use == PortUse::joined) reuse_port(*socket);
  if (common::is_wildcard(address)) {
    const bool v4 = address.family == Family::v4;
    const bool set = v4 ? set_option(socket->get(), IPPROTO_IP, IP_PKTINFO, 1)
                        : set_option(socket->get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    if (!set) return fail_errno("cannot request packet information on " + common::to_string(address));
  }
  enlarge_buffers(*socket);
  ignore_path_mtu(*socket, address);
  if (auto bound = bind_socket(*socket, address, Transport::udp, "udp"); !bound)
    return tl::make_unexpected(bound.error());
  // Not before: the kernel would have let it join sockets of other processes.
  if (use == PortUse::first) reuse_port(*socket);
  return socket;
}

Result<FileDescriptor> open_tcp(const Endpoint& address, PortUse use) {
  auto socket = open_socket(address, SOCK_STREAM);
  if (!socket) return socket;
  set_option(socket->get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (use == PortUse::joined) reuse_port(*socket);
  set_option(socket->get(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (auto bound = bind_socket(*socket, address, Transport::tcp, "tcp"); !bound)
    return tl::make_unexpected(bound.error());
  if (listen(socket->get(), kListenBacklog) != 0) return cannot_listen(address, Transport::tcp, "tcp");
  if (use == PortUse::first) reuse_port(*socket);
  return socket;
}

Result<std::vector<std::vector<FileDescriptor>>> open_for_workers(const std::vector<Endpoint>& addresses,
                                                                  Transport transport, size_t workers) {
  std::vector<std::vector<FileDescriptor>> sockets(workers);
  for (auto& of_worker : sockets) of_worker.resize(addresses.size());
  const auto open = [&](size_t worker, size_t i, PortUse use) -> Result<void> {
    auto socket =
        transport == Transport::udp ? open_tracker_udp(addresses[i], use) : open_tcp(addresses[i], use);
    if (!socket) return tl::make_unexpected(socket.error());
    sockets[worker][i] = std::move(*socket);
    return {};
  };
  // A wildcard address includes the others of its family: they join it.
  const auto is_included = [&](const Endpoint& address) {
    return !common::is_wildcard(address) &&
           std::any_of(addresses.begin(), addresses.end(), [&](const Endpoint& other) {
             return common::is_wildcard(other) && other.family == address.family &&
                    other.port == address.port;
           });
  };
  for (const bool included : {false, true}) {
    for (size_t i = 0; i < addresses.size(); ++i) {
      if (is_included(addresses[i]) != included) continue;
      for (size_t worker = 0; worker < workers; ++worker) {
        const PortUse use = worker == 0 && !included ? PortUse::first : PortUse::joined;
        if (auto opened = open(worker, i, use); !opened) return tl::make_unexpected(opened.error());
      }
    }
  }
  return sockets;
}

Result<FileDescriptor> open_sync_udp(const Endpoint& address) {
  auto socket = open_socket(address, SOCK_DGRAM);
  if (!socket) return socket;
  enlarge_buffers(*socket);
  count_overflow(*socket);
  ignore_path_mtu(*socket, address);
  if (auto bound = bind_socket(*socket, address, Transport::udp, "sync, udp"); !bound)
    return tl::make_unexpected(bound.error());
  return socket;
}

Result<GroupSocket> open_sync_group(const MulticastGroup& group) {
  GroupSocket opened;
  if (!group.interface.empty()) {
    opened.interface_index = interface_index(group.interface);
    if (opened.interface_index == 0) return fail("sync.multicast: no such interface: " + group.interface);
  }
  auto socket = open_socket(group.group, SOCK_DGRAM);
  if (!socket) return tl::make_unexpected(socket.error());
  // Nodes on one machine share the group, and each receives its own copy.
  set_option(socket->get(), SOL_SOCKET, SO_REUSEADDR, 1);
  enlarge_buffers(*socket);
  count_overflow(*socket);
  if (auto bound =
          bind_socket(*socket, group.group, Transport::udp, "sync, multicast", opened.interface_index);
      !bound) {
    return tl::make_unexpected(bound.error());
  }
  if (!join_group(socket->get(), group, opened.interface_index)) {
    return fail_errno("sync.multicast: cannot join " + common::to_string(group.group) +
                      (group.interface.empty() ? "" : " on " + group.interface));
  }
  opened.socket = std::move(*socket);
  return opened;
}

Endpoint local_endpoint(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  require_system(getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) == 0 ? 0 : -errno,
                 "ask for the address of a socket");
  return from_sockaddr(reinterpret_cast<sockaddr*>(&storage));
}

bool has_family(Family family) {
  const FileDescriptor socket(
      ::socket(family == Family::v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return socket.is_open() || (errno != EAFNOSUPPORT && errno != EPFNOSUPPORT && errno != EPROTONOSUPPORT);
}

unsigned interface_index(const std::string& name) { return if_nametoindex(name.c_str()); }

std::vector<unsigned> interface_indices() {
  std::vector<unsigned> indices;
  struct if_nameindex* const all = if_nameindex();
  if (all == nullptr) return indices;
  for (const struct if_nameindex* one = all; one->if_index != 0; ++one) indices.push_back(one->if_index);
  if_freenameindex(all);
  std::sort(indices.begin(), indices.end());
  return indices;
}

bool has_interface(const std::string& name) { return interface_index(name) != 0; }

bool has_address(const Endpoint& address) {
  Endpoint any_port = address;
  any_port.port = 0;
  const auto socket = open_socket(any_port, SOCK_DGRAM);
  sockaddr_storage storage;
  const socklen_t size = to_sockaddr(any_port, storage);
  return socket && bind(socket->get(), reinterpret_cast<sockaddr*>(&storage), size) == 0;
}

}  // namespace shoal::node
