#include "node/text/url_secrets.h"

#include <algorithm>

#include "common/text.h"

namespace shoal::node {

namespace {

constexpr std::string_view kHttp = "http";

// Where the user would begin; npos: there is no URL.
size_t behind_scheme(std::string_view text) {
  if (const size_t found = text.find("://"); found != std::string_view::npos) return found + 3;
  // "https:/user:password@host" is what a mistake looks like.
  for (size_t at = 0; at + kHttp.size() <= text.size(); ++at) {
    if (common::equals_ignoring_case(text.substr(at, kHttp.size()), kHttp)) return at + kHttp.size();
  }
  // The second half of one that a comma has cut.
  const size_t at = text.find('@');
  return at == std::string_view::npos ? at : text.rfind(' ', at) + 1;
}

}  // namespace

std::string without_url_secrets(std::string_view text) {
  const size_t begin = behind_scheme(text);
  if (begin == std::string_view::npos) return std::string(text);
  std::string shown(text.substr(0, begin));
  text.remove_prefix(begin);
  const size_t host_end = std::min(text.find_first_of("/?#"), text.size());
  const size_t query = std::min(text.find_first_of("?#"), text.size());
  const size_t at = text.rfind('@');
  if (at == std::string_view::npos) return shown.append(text.substr(0, query));
  if (at < host_end) return shown.append(text.substr(at + 1, query - at - 1));
  shown += "...";
  // Behind a '?' it may as well be one of the query.
  return query < at ? shown : shown.append(text.substr(at, query - at));
}

}  // namespace shoal::node
