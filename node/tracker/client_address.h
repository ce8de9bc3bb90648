// Whose request it is: behind proxies that the operator trusts, the client's address stands in a header.
// Pure; any thread.

#pragma once

#include <optional>
#include <string>

#include "common/network.h"
#include "proto/http_request.h"

namespace shoal::node {

// Immutable; shared by all workers.
struct TrustedProxies {
  common::NetworkSet networks;  // empty: nobody is believed
  std::string header;           // where they tell the client; empty: nowhere
};

// The nearest hop that is no trusted proxy, counted from `connected`, the other end of the connection; if all
// are, the farthest. Nothing: a trusted proxy names a hop that is no address, so who asks is not known.
std::optional<common::Endpoint> client_of(const proto::HttpRequest& request,
                                          const common::Endpoint& connected, const TrustedProxies& proxies);

}  // namespace shoal::node
