// The PROXY protocol, versions 1 and 2 (HAProxy): what a proxy says, before the first byte of a connection's
// own, about whose connection it is. No state, no allocation. Any thread.

#pragma once

#include <cstdint>
#include <optional>

#include "common/bytes.h"
#include "common/endpoint.h"

namespace shoal::proto {

// No header is longer: version 1 has 107 bytes at most, version 2 as much as its extensions (TLVs) take.
constexpr size_t kProxyHeaderMax = 4096;

enum class ProxyState : uint8_t { need_more, bad, header };

struct ProxyHeader {
  ProxyState state = ProxyState::need_more;
  std::optional<common::Endpoint> client;  // none: the connection is the proxy's own (LOCAL, UNKNOWN)
  size_t consumed = 0;                     // bytes of the header
};

// Given everything that has arrived. The verdict does not depend on how the bytes were cut into reads, but
// for need_more instead of it. A protocol other than TCP over IPv4 or IPv6 is bad.
ProxyHeader parse_proxy_header(common::ByteSpan buffer);

}  // namespace shoal::proto
