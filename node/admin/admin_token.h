// Who may change something over the admin endpoint: with admin.token_file whoever knows the token, without it
// programs of this machine.
//
// Not what a proxy on this machine passes on, whose own address says nothing about who asks: without the
// token a request with a header of proxies is refused. A proxy that adds none cannot be told from a program
// here.
//
// Not a web page in a browser, which any page the operator looks at could have sent: a browser names the page
// in the Origin header, and does not know the token.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/endpoint.h"
#include "common/result.h"
#include "proto/http_request.h"

namespace shoal::node {

constexpr size_t kAdminTokenBytesMin = 16;
constexpr size_t kAdminTokenBytesMax = 256;

// The token of a file: its only line that is neither empty nor begins with '#', of printable characters
// without blanks. The error names the file.
common::Result<std::string> parse_admin_token(const std::string& name, std::string_view text);
common::Result<std::string> load_admin_token(const std::string& path);

struct AdminRefusal {
  int status;  // 401 or 403
  std::string_view reason;
};

// Nothing: the request may change something. `token` empty: there is none.
std::optional<AdminRefusal> refuses_change(const std::string& token, const proto::HttpRequest& request,
                                           const common::Endpoint& client);

}  // namespace shoal::node
