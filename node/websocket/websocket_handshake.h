// The opening handshake of the WebSocket protocol (RFC 6455, 4.2), the server's side. Extensions and
// subprotocols are not taken up. Pure; any thread.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proto/http_request.h"

namespace shoal::node {

enum class WebsocketOpening : uint8_t {
  none,      // the request is for something else
  accepted,  // 101
  bad,       // 400, or 426 for another version of the protocol
  origin,    // 403: a page of another site
  no_room,   // 503
};

// `origins`: of the pages whose scripts are served, such as https://example.org; empty: all are, and so are
// programs that are no browsers and name none.
WebsocketOpening judge_websocket(const proto::HttpRequest& request, std::span<const std::string> origins);

// Appends the answer to one that is not `none`.
void append_websocket_opening(std::string& out, const proto::HttpRequest& request, WebsocketOpening opening);

// What answers a Sec-WebSocket-Key.
std::string websocket_accept(std::string_view key);

}  // namespace shoal::node
