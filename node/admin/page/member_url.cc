#include "node/admin/page/member_url.h"

#include <cctype>
#include <cstdio>

namespace shoal::node {

namespace {

// RFC 3986, 2.3.
bool is_unreserved(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_' || c == '~';
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
      continue;
    }
    char escape[4];
    std::snprintf(escape, sizeof escape, "%%%02X", static_cast<unsigned char>(c));
    out += escape;
  }
  return out;
}

std::string url_host(const common::Endpoint& address) {
  const std::string text = common::address_to_string(address);
  return address.family == common::Family::v6 ? "[" + text + "]" : text;
}

void fill_in(std::string& text, std::string_view placeholder, const std::string& value) {
  const size_t at = text.find(placeholder);
  if (at != std::string::npos) text.replace(at, placeholder.size(), value);
}

}  // namespace

std::string member_url(std::string_view pattern, std::string_view name, const common::Endpoint& address) {
  std::string url(pattern);
  // The address first: a name cannot bring in a placeholder, since braces are encoded.
  fill_in(url, "{address}", url_host(address));
  fill_in(url, "{name}", percent_encoded(name));
  return url;
}

}  // namespace shoal::node
