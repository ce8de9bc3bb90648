// Where a browser finds the page of another node. A node cannot know that: admin.listen is on loopback by
// default, and browsers come through tunnels and proxies. So the operator says it, by admin.member_url. Pure.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/endpoint.h"

namespace shoal::node {

// Most bytes of what member_url() returns.
constexpr size_t kMemberUrlMax = 4096;

// `pattern` (is_member_url()) with {name} replaced by the member's name, percent-encoded, and {address} by
// the host of its address, in brackets if it is IPv6.
std::string member_url(std::string_view pattern, std::string_view name, const common::Endpoint& address);

}  // namespace shoal::node
