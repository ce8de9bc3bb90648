// The PROXY protocol, versions 1 and 2 (HAProxy): a header that a proxy sends before the first byte of a
// connection, to say whose connection it is. No state, no allocation. Any thread.

#pragma once

#include <cstdint>
#include <optional>

#include "common/bytes.h"
#include "common/endpoint.h"

namespace shoal::proto {

// No header is longer: version 1 has 107 bytes at most, version 2 depends on its extensions (TLVs).
constexpr size_t kProxyHeaderMax = 4096;

enum class ProxyState : uint8_t { need_more, bad, header };

struct ProxyHeader {
  ProxyState state = ProxyState::need_more;
  std::optional<common::Endpoint> client;  // none: the connection is the proxy's own (LOCAL, UNKNOWN)
  size_t consumed = 0;                     // bytes of the header
};

// To be given everything that has arrived. How the bytes were split into reads does not change the result, it
// only delays it (need_more). A protocol other than TCP over IPv4 or IPv6 is bad.
ProxyHeader parse_proxy_header(common::ByteSpan buffer);

}  // namespace shoal::proto
