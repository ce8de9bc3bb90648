#include "node/tracker/client_address.h"

#include "proto/forwarded.h"

namespace shoal::node {

std::optional<common::Endpoint> client_of(const proto::HttpRequest& request,
                                          const common::Endpoint& connected, const TrustedProxies& proxies) {
  if (proxies.header.empty() || !proxies.networks.contains(connected)) return connected;
  const proto::Hops hops = proto::read_hops(request, proxies.header);
  common::Endpoint client = connected;
  for (size_t i = 0; i < hops.size(); ++i) {
    const auto hop = proto::parse_hop(hops[i]);
    if (!hop) return std::nullopt;
    client = *hop;
    if (!proxies.networks.contains(client)) break;
  }
  return client;
}

}  // namespace shoal::node
