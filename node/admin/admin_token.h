// Who may make changes over the admin endpoint: with admin.token_file, clients that know the token; without
// it, programs on this machine.
//
// Without a token, requests with a header that proxies add are refused: a proxy on this machine has a local
// address, but its clients may be anywhere. A proxy that adds no such header looks like a local program.
//
// Requests from web pages are refused as well: any page that the operator opens could send them. Browsers
// name the page in the Origin header and do not know the token.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/endpoint.h"
#include "common/result.h"
#include "node/status/admin_refusals.h"
#include "proto/http_request.h"

namespace shoal::node {

constexpr size_t kAdminTokenBytesMin = 16;
constexpr size_t kAdminTokenBytesMax = 256;

// The token in a file: its only line that is neither empty nor a comment ('#'), of printable characters
// without spaces. The error names the file.
common::Result<std::string> parse_admin_token(const std::string& name, std::string_view text);
common::Result<std::string> load_admin_token(const std::string& path);

struct AdminRefusal {
  AdminRefused why;
  int status;  // 401 or 403
  std::string_view reason;
};

// Returns nothing if the request may make changes. `token` is empty if there is none.
std::optional<AdminRefusal> refuses_change(const std::string& token, const proto::HttpRequest& request,
                                           const common::Endpoint& client);

}  // namespace shoal::node
