// A small blocking HTTP client for the commands: one request, one connection.

#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/endpoint.h"
#include "common/result.h"
#include "node/config/options.h"
#include "node/probe/http_response.h"

namespace shoal::node {

// Asks one address. `host` is the Host header, `target` a path that holds no blanks and no control bytes.
common::Result<HttpResponse> http_get(const common::Endpoint& server, std::string_view host,
                                      std::string_view target, std::chrono::milliseconds timeout);

// Asks the server's addresses in turn until one takes the connection; `timeout` is for all of them together.
common::Result<HttpResponse> http_get(const HostPort& server, std::string_view target,
                                      std::chrono::milliseconds timeout);

// The same, by POST with nothing in it. `headers`: more header lines, each with its end.
common::Result<HttpResponse> http_post(const HostPort& server, std::string_view target,
                                       std::chrono::milliseconds timeout, std::string_view headers = {});

}  // namespace shoal::node
