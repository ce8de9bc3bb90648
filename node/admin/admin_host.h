// Which names a request to the admin endpoint may be sent to. A web page that the operator opens can have its
// own name resolve to this machine, and so read the answers as its own (DNS rebinding); but its browser still
// says that name in the Host header. Addresses no page can have made up. Pure.

#pragma once

#include <span>
#include <string>
#include <string_view>

namespace shoal::node {

// For status 421.
constexpr std::string_view kForeignHost =
    "the Host of this request is no name of this node: use its address or localhost, or add the name to "
    "admin.hosts";

// `host`: the Host header, with or without a port: an address, localhost, node.name, or one of admin.hosts;
// also none (an empty one), which no browser sends.
bool is_admin_host(std::string_view host, std::span<const std::string> names, std::string_view node_name);

}  // namespace shoal::node
