#include "node/admin/admin_host.h"

#include <algorithm>

#include "common/endpoint.h"
#include "common/text.h"

namespace shoal::node {

namespace {

bool is_same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return common::to_lower(x) == common::to_lower(y); });
}

// Nothing, or a colon and a port, which may be empty.
bool is_port(std::string_view text) {
  return text.empty() || (text.front() == ':' && std::all_of(text.begin() + 1, text.end(), common::is_digit));
}

}  // namespace

bool is_admin_host(std::string_view host, std::span<const std::string> names, std::string_view node_name) {
  if (host.empty()) return true;
  if (host.front() == '[') {
    const size_t end = host.find(']');
    if (end == std::string_view::npos || !is_port(host.substr(end + 1))) return false;
    const auto address = common::parse_address(host.substr(1, end - 1));
    return address && host.find(':') < end;
  }
  const size_t end = std::min(host.find(':'), host.size());
  if (!is_port(host.substr(end))) return false;
  host = host.substr(0, end);
  if (common::parse_address(host)) return true;
  if (host.ends_with('.')) host.remove_suffix(1);  // the root of all names
  const auto is_host = [&](std::string_view name) { return !name.empty() && is_same_name(host, name); };
  return is_host("localhost") || is_host(node_name) || std::any_of(names.begin(), names.end(), is_host);
}

}  // namespace shoal::node
