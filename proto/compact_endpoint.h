// An endpoint in compact form between nodes: address and port, 6 or 18 bytes, of a family that is told
// elsewhere.

#pragma once

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/web_address.h"

namespace shoal::proto {

// False: it is none of this family. An IPv4-mapped address belongs among the IPv4 ones; the port of a web
// peer is always the same, that of others not 0.
[[nodiscard]] inline bool read_endpoint(common::ByteReader& in, common::Family family,
                                        common::Endpoint& out) {
  const common::ByteSpan address = in.take(common::address_size(family));
  const uint16_t port = in.u16();
  if (!in.ok() || port == 0) return false;
  if (family == common::Family::web) {
    out = {family, {}, port};
    std::copy(address.begin(), address.end(), out.address.begin());
    return port == common::kWebPort;
  }
  out = common::make_endpoint(address, port);
  return out.family == family;
}

}  // namespace shoal::proto
