#include "node/probe/client_socket.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "node/net/socket_address.h"

namespace shoal::node {

namespace {

using common::Endpoint;

constexpr size_t kAddressesMax = 64;

tl::unexpected<common::Error> failed_with(int error) { return common::fail(std::strerror(error)); }

}  // namespace

const std::string kTimedOut = "timed out";

common::Result<std::vector<Endpoint>> resolve(const HostPort& server, Transport transport) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = transport == Transport::tcp ? SOCK_STREAM : SOCK_DGRAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(server.host.c_str(), nullptr, &hints, &found);
  if (error != 0) return common::fail(server.host + ": cannot resolve the name: " + gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(found, freeaddrinfo);
  std::vector<Endpoint> endpoints;
  for (const addrinfo* info = list.get(); info != nullptr && endpoints.size() < kAddressesMax;
       info = info->ai_next) {
    if (info->ai_family != AF_INET && info->ai_family != AF_INET6) continue;
    Endpoint endpoint = from_sockaddr(info->ai_addr);
    endpoint.port = server.port;
    if (std::find(endpoints.begin(), endpoints.end(), endpoint) == endpoints.end())
      endpoints.push_back(endpoint);
  }
  if (endpoints.empty()) return common::fail(server.host + ": has no IPv4 or IPv6 address");
  return endpoints;
}

common::Result<ClientSocket> ClientSocket::connect(const Endpoint& server, Transport transport,
                                                   Deadline deadline) {
  sockaddr_storage address;
  const socklen_t size = to_sockaddr(server, address);
  const int type = transport == Transport::tcp ? SOCK_STREAM : SOCK_DGRAM;
  ClientSocket socket(FileDescriptor(::socket(address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)));
  if (!socket.socket_.is_open()) return failed_with(errno);
  const int fd = socket.socket_.get();
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0) return socket;
  if (errno != EINPROGRESS) return failed_with(errno);
  if (auto ready = socket.wait(POLLOUT, deadline); !ready) return tl::make_unexpected(ready.error());
  int error = 0;
  socklen_t error_size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) != 0) error = errno;
  if (error != 0) return failed_with(error);
  return socket;
}

common::Result<void> ClientSocket::wait(short events, Deadline deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return common::fail(kTimedOut);
    pollfd poll_fd{socket_.get(), events, 0};
    const int ready = poll(&poll_fd, 1, static_cast<int>(std::min<int64_t>(left, 60'000)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return failed_with(errno);
  }
}

common::Result<void> ClientSocket::send(common::ByteSpan bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes = bytes.subspan(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      if (auto ready = wait(POLLOUT, deadline); !ready) return ready;
    } else if (errno != EINTR) {
      return failed_with(errno);
    }
  }
  return {};
}

common::Result<size_t> ClientSocket::receive(std::span<uint8_t> out, Deadline deadline) {
  for (;;) {
    // Waits first, so that a server that never stops sending cannot outlast the deadline.
    if (auto ready = wait(POLLIN, deadline); !ready) return tl::make_unexpected(ready.error());
    const ssize_t received = recv(socket_.get(), out.data(), out.size(), 0);
    if (received >= 0) return static_cast<size_t>(received);
    if (errno != EAGAIN && errno != EINTR) return failed_with(errno);
  }
}

}  // namespace shoal::node
