#include "node/net/sockets.h"

#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "common/check.h"
#include "node/net/socket_address.h"

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
  if (!socket.is_open()) return fail_errno("cannot open a socket for " + common::to_string(address));
  if (address.family == Family::v6) set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  return socket;
}

// `scope`: the interface of an IPv6 address that is valid on only one interface.
Result<void> bind_socket(const FileDescriptor& socket, const Endpoint& address, const char* what,
                         unsigned scope = 0) {
  sockaddr_storage storage;
  const socklen_t size = to_sockaddr(address, storage, scope);
  if (bind(socket.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0) {
    return fail_errno(std::string("cannot listen on ") + common::to_string(address) + " (" + what + ")");
  }
  return {};
}

void enlarge_buffers(const FileDescriptor& socket) {
  set_option(socket.get(), SOL_SOCKET, SO_RCVBUF, kUdpBufferBytes);
  set_option(socket.get(), SOL_SOCKET, SO_SNDBUF, kUdpBufferBytes);
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

Result<FileDescriptor> open_tracker_udp(const Endpoint& address) {
  auto socket = open_socket(address, SOCK_DGRAM);
  if (!socket) return socket;
  set_option(socket->get(), SOL_SOCKET, SO_REUSEPORT, 1);
  if (common::is_wildcard(address)) {
    const bool v4 = address.family == Family::v4;
    const bool set = v4 ? set_option(socket->get(), IPPROTO_IP, IP_PKTINFO, 1)
                        : set_option(socket->get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    if (!set) return fail_errno("cannot request packet information on " + common::to_string(address));
  }
  enlarge_buffers(*socket);
  if (auto bound = bind_socket(*socket, address, "udp"); !bound) return tl::make_unexpected(bound.error());
  return socket;
}

Result<FileDescriptor> open_tcp(const Endpoint& address, bool reuse_port) {
  auto socket = open_socket(address, SOCK_STREAM);
  if (!socket) return socket;
  set_option(socket->get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (reuse_port) set_option(socket->get(), SOL_SOCKET, SO_REUSEPORT, 1);
  set_option(socket->get(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (auto bound = bind_socket(*socket, address, "tcp"); !bound) return tl::make_unexpected(bound.error());
  if (listen(socket->get(), kListenBacklog) != 0) {
    return fail_errno("cannot listen on " + common::to_string(address) + " (tcp)");
  }
  return socket;
}

Result<FileDescriptor> open_sync_udp(const Endpoint& address) {
  auto socket = open_socket(address, SOCK_DGRAM);
  if (!socket) return socket;
  enlarge_buffers(*socket);
  count_overflow(*socket);
  if (auto bound = bind_socket(*socket, address, "sync, udp"); !bound)
    return tl::make_unexpected(bound.error());
  return socket;
}

Result<GroupSocket> open_sync_group(const MulticastGroup& group) {
  GroupSocket opened;
  if (!group.interface.empty()) {
    opened.interface_index = if_nametoindex(group.interface.c_str());
    if (opened.interface_index == 0) return fail("sync.multicast: no such interface: " + group.interface);
  }
  auto socket = open_socket(group.group, SOCK_DGRAM);
  if (!socket) return tl::make_unexpected(socket.error());
  // Nodes on one machine share the group, and each receives its own copy.
  set_option(socket->get(), SOL_SOCKET, SO_REUSEADDR, 1);
  enlarge_buffers(*socket);
  count_overflow(*socket);
  if (auto bound = bind_socket(*socket, group.group, "sync, multicast", opened.interface_index); !bound) {
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
  CHECK_INVARIANT(getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) == 0);
  return from_sockaddr(reinterpret_cast<sockaddr*>(&storage));
}

size_t raise_open_files() {
  rlimit limit{};
  CHECK_INVARIANT(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  return static_cast<size_t>(limit.rlim_cur);
}

}  // namespace shoal::node
