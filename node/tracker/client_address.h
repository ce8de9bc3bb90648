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

// Returns the client: the nearest hop that is not a trusted proxy, beginning with `connected`, the other end
// of the connection; if all are trusted, the farthest. Returns nothing if a trusted proxy names a hop that is
// not an address: the client is then unknown.
std::optional<common::Endpoint> client_of(const proto::HttpRequest& request,
                                          const common::Endpoint& connected, const TrustedProxies& proxies);

}  // namespace shoal::node
