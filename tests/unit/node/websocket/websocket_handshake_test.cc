#include "node/websocket/websocket_handshake.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace shoal;
using namespace shoal::node;

namespace {

const std::string kGood =
    "GET /announce HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate\r\nOrigin: https://example.org\r\n\r\n";

std::string with(std::string_view from, std::string_view to) {
  std::string text = kGood;
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

proto::HttpRequest parsed(const std::string& text) {
  const proto::HttpRequest request =
      proto::parse_http_request(common::bytes_of(text), {.lenient = true, .bare_lf = true});
  REQUIRE(request.state == proto::HttpState::request);
  return request;
}

WebsocketOpening judge(const std::string& text, const std::vector<std::string>& origins = {}) {
  return judge_websocket(parsed(text), origins);
}

std::string answer_to(const std::string& text) {
  std::string out;
  append_websocket_opening(out, parsed(text), judge(text));
  return out;
}

}  // namespace

TEST_CASE("websocket handshake: the example of RFC 6455") {
  CHECK(websocket_accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(judge(kGood) == WebsocketOpening::accepted);
  CHECK(answer_to(kGood) ==
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
}

TEST_CASE("websocket handshake: words in any case and among others") {
  CHECK(judge(with("Upgrade: websocket", "upgrade: h2c, WebSocket")) == WebsocketOpening::accepted);
  CHECK(judge(with("keep-alive, Upgrade", "UPGRADE")) == WebsocketOpening::accepted);
}

TEST_CASE("websocket handshake: requests for something else are left alone") {
  CHECK(judge("GET /announce HTTP/1.1\r\nHost: t\r\n\r\n") == WebsocketOpening::none);
  CHECK(judge(with("Upgrade: websocket", "Upgrade: h2c")) == WebsocketOpening::none);
  CHECK(judge(with("Upgrade: websocket", "Upgrade: websockets")) == WebsocketOpening::none);
}

TEST_CASE("websocket handshake: what the protocol does not allow is bad") {
  for (const auto& text :
       {with("GET", "HEAD"), with("HTTP/1.1", "HTTP/1.0"),
        with("Connection: keep-alive, Upgrade", "Connection: close"), with("Host: t\r\n", ""),
        with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ="), with("25jZQ==", "25jZR=="),
        with("25jZQ==", "25j-Q=="), with("25jZQ==", "25jZQQ=="),
        with("Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n"),
        with("Sec-WebSocket-Version: 13\r\n", "")}) {
    CHECK_MESSAGE(judge(text) == WebsocketOpening::bad, text);
  }
  CHECK(answer_to(with("Host: t\r\n", "")).starts_with("HTTP/1.1 400 "));
  const std::string old = answer_to(with("Version: 13", "Version: 8"));
  CHECK(old.starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
  CHECK(old.find("\r\nSec-WebSocket-Version: 13\r\n") != std::string::npos);
}

TEST_CASE("websocket handshake: origins are compared letter by letter, and one must be there") {
  const std::vector<std::string> origins = {"http://other.example", "https://example.org"};
  CHECK(judge(kGood, origins) == WebsocketOpening::accepted);
  CHECK(judge(with("https://example.org", "https://example.org.evil.example"), origins) ==
        WebsocketOpening::origin);
  CHECK(judge(with("https://example.org", "http://example.org"), origins) == WebsocketOpening::origin);
  CHECK(judge(with("Origin: https://example.org\r\n", ""), origins) == WebsocketOpening::origin);
  CHECK(judge(with("Origin:", "Origin: https://example.org\r\nOrigin:"), origins) ==
        WebsocketOpening::origin);
}
