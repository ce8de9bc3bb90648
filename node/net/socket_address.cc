#include "node/net/socket_address.h"

#include <cstring>

#include "common/check.h"

namespace shoal::node {

using common::Endpoint;
using common::Family;

socklen_t to_sockaddr(const Endpoint& endpoint, sockaddr_storage& out, uint32_t scope) {
  if (endpoint.family == Family::v4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    std::memcpy(&v4.sin_addr, endpoint.address.data(), 4);
    std::memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(endpoint.port);
  v6.sin6_scope_id = scope;
  std::memcpy(&v6.sin6_addr, endpoint.address.data(), 16);
  std::memcpy(&out, &v6, sizeof v6);
  return sizeof v6;
}

Endpoint from_sockaddr(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof v4);
    uint8_t bytes[4];
    std::memcpy(bytes, &v4.sin_addr, sizeof bytes);
    return common::make_endpoint(bytes, ntohs(v4.sin_port));
  }
  CHECK_INVARIANT(address->sa_family == AF_INET6);
  sockaddr_in6 v6;
  std::memcpy(&v6, address, sizeof v6);
  return common::make_endpoint(v6.sin6_addr.s6_addr, ntohs(v6.sin6_port));
}

}  // namespace shoal::node
