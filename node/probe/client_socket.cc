#include "node/probe/client_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace shoal::node {

namespace {

using common::Endpoint;
using common::Family;

constexpr size_t kAddressesMax = 64;

socklen_t to_sockaddr(const Endpoint& endpoint, sockaddr_storage& out) {
  out = {};
  if (endpoint.family == Family::v4) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    std::memcpy(&v4.sin_addr, endpoint.address.data(), 4);
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(endpoint.port);
  std::memcpy(&v6.sin6_addr, endpoint.address.data(), 16);
  return sizeof v6;
}

Endpoint from_addrinfo(const addrinfo& info, uint16_t port) {
  std::array<uint8_t, 16> bytes{};
  if (info.ai_family == AF_INET) {
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in*>(info.ai_addr)->sin_addr, 4);
    return common::make_endpoint(std::span(bytes).first(4), port);
  }
  std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(info.ai_addr)->sin6_addr, 16);
  return common::make_endpoint(bytes, port);
}

tl::unexpected<common::Error> failed_with(int error) { return common::fail(std::strerror(error)); }

}  // namespace

const std::string kTimedOut = "timed out";

common::Result<std::vector<Endpoint>> resolve(const HostPort& server, Transport transport) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = transport == Transport::tcp ? SOCK_STREAM : SOCK_DGRAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(server.host.c_str(), nullptr, &hints, &found);
  if (error != 0) return common::fail(server.host + ": cannot be resolved: " + gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(found, freeaddrinfo);
  std::vector<Endpoint> endpoints;
  for (const addrinfo* info = list.get(); info != nullptr && endpoints.size() < kAddressesMax;
       info = info->ai_next) {
    if (info->ai_family != AF_INET && info->ai_family != AF_INET6) continue;
    const Endpoint endpoint = from_addrinfo(*info, server.port);
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
  const int fd = ::socket(address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed_with(errno);
  ClientSocket socket(fd);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0) return socket;
  if (errno != EINPROGRESS) return failed_with(errno);
  if (auto ready = socket.wait(POLLOUT, deadline); !ready) return tl::make_unexpected(ready.error());
  int error = 0;
  socklen_t error_size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) != 0) error = errno;
  if (error != 0) return failed_with(error);
  return socket;
}

ClientSocket::ClientSocket(ClientSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

ClientSocket::~ClientSocket() {
  if (fd_ >= 0) close(fd_);
}

common::Result<void> ClientSocket::wait(short events, Deadline deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return common::fail(kTimedOut);
    pollfd poll_fd{fd_, events, 0};
    const int ready = poll(&poll_fd, 1, static_cast<int>(std::min<int64_t>(left, 60'000)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return failed_with(errno);
  }
}

common::Result<void> ClientSocket::send(common::ByteSpan bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
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
    const ssize_t received = recv(fd_, out.data(), out.size(), 0);
    if (received >= 0) return static_cast<size_t>(received);
    if (errno != EAGAIN && errno != EINTR) return failed_with(errno);
  }
}

}  // namespace shoal::node
