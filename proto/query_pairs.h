// The "key=value" pairs of a query string, not decoded.

#pragma once

#include <algorithm>
#include <string_view>

namespace shoal::proto {

struct QueryPair {
  std::string_view key;
  std::string_view value;  // empty without a '='; data() is never null
};

// Removes and returns the next pair from the front of `rest`, which is not empty.
inline QueryPair take_query_pair(std::string_view& rest) {
  const size_t end = std::min(rest.find('&'), rest.size());
  const std::string_view pair = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  const size_t equals = pair.find('=');
  if (equals == std::string_view::npos) return {pair, pair.substr(pair.size())};
  return {pair.substr(0, equals), pair.substr(equals + 1)};
}

}  // namespace shoal::proto
