// A small blocking HTTP client for the commands: one request per connection.

#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/endpoint.h"
#include "common/result.h"
#include "node/config/options.h"
#include "node/probe/http_response.h"
#include "node/probe/tls_stream.h"

namespace shoal::node {

// With `tls` a request goes over TLS.

// Sends a request to one address. `host` is the Host header, `target` a path without blanks and control
// bytes.
common::Result<HttpResponse> http_get(const common::Endpoint& server, std::string_view host,
                                      std::string_view target, std::chrono::milliseconds timeout,
                                      TlsAsk* tls = nullptr);

// Tries the server's addresses in turn until one accepts the connection. `timeout` covers all of them
// together.
common::Result<HttpResponse> http_get(const HostPort& server, std::string_view target,
                                      std::chrono::milliseconds timeout, TlsAsk* tls = nullptr);

// The same with an empty POST request. `headers`: additional header lines, each with its line end.
common::Result<HttpResponse> http_post(const HostPort& server, std::string_view target,
                                       std::chrono::milliseconds timeout, std::string_view headers = {},
                                       TlsAsk* tls = nullptr);

}  // namespace shoal::node
