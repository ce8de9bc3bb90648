// The opening of a WebSocket: whoever is let in has asked for it as RFC 6455 wants, and no byte of the
// request gets into the answer.

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "common/check.h"
#include "common/text.h"
#include "node/websocket/websocket_handshake.h"

using namespace shoal;
using node::WebsocketOpening;

namespace {

constexpr std::string_view kEndOfHead = "\r\n\r\n";

void check_answer(const proto::HttpRequest& request, WebsocketOpening opening) {
  std::string out;
  node::append_websocket_opening(out, request, opening);
  if (opening == WebsocketOpening::none) return CHECK_INVARIANT(out.empty());
  CHECK_INVARIANT(out.starts_with("HTTP/1.1 ") || out.starts_with("HTTP/1.0 "));
  const size_t head = out.find(kEndOfHead);
  CHECK_INVARIANT(head != std::string::npos);
  if (opening != WebsocketOpening::accepted) return CHECK_INVARIANT(out.size() < 512);
  CHECK_INVARIANT(out.starts_with("HTTP/1.1 101 "));
  CHECK_INVARIANT(head + kEndOfHead.size() == out.size());
  // Of 20 bytes in base64.
  const std::string_view accept = std::string_view(out).substr(head - 28, 28);
  CHECK_INVARIANT(accept == node::websocket_accept(*request.header("Sec-WebSocket-Key")));
  CHECK_INVARIANT(std::all_of(accept.begin(), accept.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' ||
           c == '/' || c == '=';
  }));
}

void check_request(const proto::HttpRequest& request) {
  const std::array<std::string, 2> origins = {"https://example.org", "https://example.net"};
  const WebsocketOpening any = node::judge_websocket(request, {});
  const WebsocketOpening listed = node::judge_websocket(request, origins);
  check_answer(request, any);
  check_answer(request, listed);
  if (any != WebsocketOpening::none) check_answer(request, WebsocketOpening::no_room);
  // The list keeps others out and changes nothing else.
  if (any != WebsocketOpening::accepted) return CHECK_INVARIANT(listed == any);
  CHECK_INVARIANT(listed == WebsocketOpening::accepted || listed == WebsocketOpening::origin);
  CHECK_INVARIANT(request.method == proto::HttpMethod::get && request.version_minor >= 1);
  CHECK_INVARIANT(request.header("Host") && request.header("Sec-WebSocket-Version") == "13");
  CHECK_INVARIANT(request.header("Sec-WebSocket-Key")->size() == 24);
  const auto origin = request.header("Origin");
  if (listed == WebsocketOpening::accepted) CHECK_INVARIANT(origin == origins[0] || origin == origins[1]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const proto::HttpRequest request =
      proto::parse_http_request({data, size}, {.lenient = true, .bare_lf = true});
  if (request.state == proto::HttpState::request) check_request(request);
  return 0;
}
