#include "proto/forwarded.h"

#include <algorithm>

#include "common/text.h"

namespace shoal::proto {

using common::equals_ignoring_case;
using common::trim_blanks;

namespace {

// The text before the first `separator` outside of quotes; `rest` keeps the text after it, and `more` says
// whether there was one. A quote without an end extends over the rest.
std::string_view take_until(char separator, std::string_view& rest, bool& more) {
  bool quoted = false;
  size_t at = 0;
  for (; at < rest.size(); ++at) {
    if (quoted && rest[at] == '\\') {
      ++at;
    } else if (rest[at] == '"') {
      quoted = !quoted;
    } else if (!quoted && rest[at] == separator) {
      break;
    }
  }
  at = std::min(at, rest.size());
  const std::string_view taken = rest.substr(0, at);
  more = at < rest.size();
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return taken;
}

// A complete quoted string without escapes (no address has any), or a text without quotes.
std::optional<std::string_view> unquote(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  if (value.find_first_of("\"\\") != std::string_view::npos) return std::nullopt;
  return value;
}

// The `for` of one element, or nothing if the element is malformed: then no part of it is trusted.
std::string_view node_of(std::string_view element) {
  std::optional<std::string_view> node;
  bool more = true;
  while (more) {
    const std::string_view pair = trim_blanks(take_until(';', element, more));
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) return {};
    const auto value = unquote(pair.substr(equals + 1));
    if (!value) return {};
    if (!equals_ignoring_case(pair.substr(0, equals), "for")) continue;
    if (node) return {};
    node = value;
  }
  return node.value_or(std::string_view());
}

}  // namespace

Hops read_hops(const HttpRequest& request, std::string_view header) {
  Hops hops;
  const bool forwarded = equals_ignoring_case(header, "forwarded");
  request.for_each_header(header, [&](std::string_view value) {
    bool more = true;
    while (more) {
      if (forwarded) {
        hops.add(node_of(take_until(',', value, more)));
      } else {
        const size_t comma = value.find(',');
        hops.add(trim_blanks(value.substr(0, comma)));
        more = comma != std::string_view::npos;
        if (more) value.remove_prefix(comma + 1);
      }
    }
  });
  return hops;
}

std::optional<common::Endpoint> parse_hop(std::string_view text) {
  if (auto address = common::parse_address(text)) return address;
  if (text.starts_with('[') && text.ends_with(']')) {
    const auto address = common::parse_address(text.substr(1, text.size() - 2));
    return address && text.find(':') != std::string_view::npos ? address : std::nullopt;
  }
  auto endpoint = common::parse_endpoint(text);
  if (endpoint) endpoint->port = 0;
  return endpoint;
}

}  // namespace shoal::proto
