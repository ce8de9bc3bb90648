// The frames of the WebSocket protocol (RFC 6455, 5.2), as a server reads and writes them: those of clients
// are masked, ours are not. No extensions. Pure; any thread.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.h"

namespace shoal::proto {

enum class WebsocketOpcode : uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10,
};

// Why a connection is closed (RFC 6455, 7.4.1).
enum class WebsocketClose : uint16_t {
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  unsupported_data = 1003,
  none_given = 1005,  // never on the wire
  invalid_text = 1007,
  policy = 1008,
  too_big = 1009,
};

constexpr size_t kWebsocketHeadMax = 14;      // of a client's frame
constexpr size_t kWebsocketControlMax = 125;  // bytes that a close, ping or pong carries

struct WebsocketHead {
  enum class State : uint8_t { need_more, bad, head };
  State state = State::need_more;
  bool final = false;
  WebsocketOpcode opcode = WebsocketOpcode::continuation;
  uint64_t payload_size = 0;
  std::array<uint8_t, 4> mask{};
  size_t size = 0;  // of the head itself
};

// The head at the beginning of `bytes`. Bad: not masked, an opcode or a bit that nobody has agreed on, a
// length that is longer than it need be, a control frame that is too long or not final.
WebsocketHead parse_websocket_head(common::ByteSpan bytes);

// Appends `payload` to `out`, unmasked; `offset` is the number of the frame's bytes before it.
void append_unmasked(std::string& out, common::ByteSpan payload, const std::array<uint8_t, 4>& mask,
                     uint64_t offset);

// A close frame's payload: the code it gives, or none_given; none: it breaks the rules.
std::optional<WebsocketClose> parse_websocket_close(std::string_view payload);

// Append whole frames of the server.
void append_websocket_frame(std::string& out, WebsocketOpcode opcode, std::string_view payload);
void append_websocket_close(std::string& out, WebsocketClose code);

}  // namespace shoal::proto
