#include "node/websocket/websocket_handshake.h"

#include <algorithm>
#include <array>

#include "common/bytes.h"
#include "common/text.h"
#include "node/tls/sha1.h"
#include "proto/http_answer.h"

namespace shoal::node {

namespace {

constexpr std::string_view kBase64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr size_t kKeyDigits = 22;  // of 16 bytes; two equals signs follow

// Whether a header, in one or several lines, has this word. `wanted` is in lower case; the header's case does
// not matter.
bool has_token(const proto::HttpRequest& request, std::string_view header, std::string_view wanted) {
  bool found = false;
  request.for_each_header(header, [&](std::string_view value) {
    while (!found && !value.empty()) {
      const size_t comma = std::min(value.find(','), value.size());
      found = common::equals_ignoring_case(common::trim_blanks(value.substr(0, comma)), wanted);
      value.remove_prefix(std::min(comma + 1, value.size()));
    }
  });
  return found;
}

size_t count_headers(const proto::HttpRequest& request, std::string_view name) {
  size_t count = 0;
  request.for_each_header(name, [&count](std::string_view) { ++count; });
  return count;
}

// Of 16 bytes: the last digit before the equals signs has four bits that say nothing, and must be zero.
bool is_websocket_key(std::string_view key) {
  if (key.size() != kKeyDigits + 2 || !key.ends_with("==")) return false;
  const auto digit = [](char c) { return kBase64Digits.find(c); };
  if (digit(key[kKeyDigits - 1]) % 16 != 0) return false;
  return std::all_of(key.begin(), key.begin() + kKeyDigits,
                     [&](char c) { return digit(c) != std::string_view::npos; });
}

std::string base64(std::span<const uint8_t> bytes) {
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - at);
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) group = group << 8 | (i < count ? bytes[at + i] : 0U);
    for (size_t i = 0; i < 4; ++i) text += i <= count ? kBase64Digits[group >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

}  // namespace

std::string websocket_accept(std::string_view key) {
  return base64(sha1(common::bytes_of(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
}

WebsocketOpening judge_websocket(const proto::HttpRequest& request, std::span<const std::string> origins) {
  if (!has_token(request, "Upgrade", "websocket")) return WebsocketOpening::none;
  if (request.method != proto::HttpMethod::get || request.version_minor == 0 ||
      !has_token(request, "Connection", "upgrade") || !request.header("Host") ||
      count_headers(request, "Sec-WebSocket-Key") != 1 ||
      !is_websocket_key(request.header("Sec-WebSocket-Key").value_or("")) ||
      count_headers(request, "Sec-WebSocket-Version") != 1 ||
      request.header("Sec-WebSocket-Version") != "13") {
    return WebsocketOpening::bad;
  }
  if (origins.empty()) return WebsocketOpening::accepted;
  // An origin is compared letter by letter (RFC 6454, 6.2 writes the host in lower case).
  const std::string_view origin = request.header("Origin").value_or("");
  const bool listed = count_headers(request, "Origin") == 1 &&
                      std::find(origins.begin(), origins.end(), origin) != origins.end();
  return listed ? WebsocketOpening::accepted : WebsocketOpening::origin;
}

void append_websocket_opening(std::string& out, const proto::HttpRequest& request, WebsocketOpening opening) {
  const auto refuse = [&](int status, std::string_view headers) {
    const std::string text = std::string(proto::http_status_text(status)) + '\n';
    proto::append_content(out, proto::reply_to(request), status, "text/plain", text, headers);
  };
  switch (opening) {
    case WebsocketOpening::none:
      return;
    case WebsocketOpening::accepted:
      out +=
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
          "Upgrade\r\nSec-WebSocket-Accept: ";
      out += websocket_accept(request.header("Sec-WebSocket-Key").value_or(""));
      out += "\r\n\r\n";
      return;
    case WebsocketOpening::bad:
      if (request.header("Sec-WebSocket-Version").value_or("13") != "13") {
        return refuse(426, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
      }
      return refuse(400, {});
    case WebsocketOpening::origin:
      return refuse(403, {});
    case WebsocketOpening::no_room:
      return refuse(503, {});
  }
}

}  // namespace shoal::node
