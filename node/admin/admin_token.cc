#include "node/admin/admin_token.h"

#include <sodium/utils.h>

#include <algorithm>

#include "common/text.h"
#include "node/os/files.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

constexpr size_t kFileBytesMax = 4096;
constexpr std::string_view kScheme = "Bearer ";

// A sender of one of these forwards a request of somebody else.
constexpr std::string_view kProxyHeaders[] = {"Forwarded",         "X-Forwarded-For", "X-Forwarded-Host",
                                              "X-Forwarded-Proto", "X-Real-IP",       "Via"};

bool is_loopback(const common::Endpoint& client) {
  const auto address = client.address_bytes();
  if (client.family == common::Family::v4) return address[0] == 127;
  return address[15] == 1 &&
         std::all_of(address.begin(), address.end() - 1, [](uint8_t b) { return b == 0; });
}

// Takes the same time however much of the token is right.
bool is_token(std::string_view given, const std::string& token) {
  return given.size() == token.size() && sodium_memcmp(given.data(), token.data(), token.size()) == 0;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

common::Result<std::string> parse_admin_token(const std::string& name, std::string_view text) {
  std::string token;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = common::trim_line(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
    if (line.empty() || line[0] == '#') continue;
    if (!token.empty())
      return common::fail(name + ": there is more than one line: only the token may be there");
    token = line;
  }
  if (token.size() < kAdminTokenBytesMin || token.size() > kAdminTokenBytesMax || !is_printable(token)) {
    return common::fail(name + ": holds no token: it needs one line of " +
                        std::to_string(kAdminTokenBytesMin) + " to " + std::to_string(kAdminTokenBytesMax) +
                        " printable characters without spaces (`openssl rand -hex 32`)");
  }
  return token;
}

common::Result<std::string> load_admin_token(const std::string& path) {
  auto text = read_text_file(path, kFileBytesMax);
  if (!text) return common::fail("token file " + text.error().message);
  return parse_admin_token("token file " + printable(path), *text);
}

std::optional<AdminRefusal> refuses_change(const std::string& token, const proto::HttpRequest& request,
                                           const common::Endpoint& client) {
  if (!token.empty()) {
    const std::string_view given = request.header("authorization").value_or("");
    if (given.starts_with(kScheme) && is_token(given.substr(kScheme.size()), token)) return std::nullopt;
    return AdminRefusal{AdminRefused::token, 401,
                        "this needs the token of admin.token_file: Authorization: Bearer TOKEN"};
  }
  if (!is_loopback(client)) {
    return AdminRefusal{AdminRefused::address, 403,
                        "allowed from the machine of the node only: the node has no admin.token_file"};
  }
  if (request.header("origin"))
    return AdminRefusal{AdminRefused::web_page, 403, "not allowed from a web page"};
  for (const std::string_view header : kProxyHeaders) {
    if (request.header(header)) {
      return AdminRefusal{AdminRefused::proxy, 403,
                          "not allowed through a proxy: the node has no admin.token_file"};
    }
  }
  return std::nullopt;
}

}  // namespace shoal::node
