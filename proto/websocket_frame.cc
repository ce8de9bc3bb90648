#include "proto/websocket_frame.h"

#include "proto/utf8.h"

namespace shoal::proto {

namespace {

constexpr uint8_t kFinalBit = 0x80;
constexpr uint8_t kReservedBits = 0x70;
constexpr uint8_t kMaskBit = 0x80;
constexpr uint8_t kLength16 = 126;
constexpr uint8_t kLength64 = 127;

bool is_websocket_opcode(uint8_t opcode) { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

bool is_websocket_control(WebsocketOpcode opcode) { return opcode >= WebsocketOpcode::close; }

}  // namespace

WebsocketHead parse_websocket_head(common::ByteSpan bytes) {
  WebsocketHead head;
  const auto bad = [&head] {
    head.state = WebsocketHead::State::bad;
    return head;
  };
  common::ByteReader in(bytes);
  const uint8_t first = in.u8();
  if (!in.ok()) return head;
  if ((first & kReservedBits) != 0 || !is_websocket_opcode(first & 15)) return bad();
  head.final = (first & kFinalBit) != 0;
  head.opcode = static_cast<WebsocketOpcode>(first & 15);
  const uint8_t second = in.u8();
  if (!in.ok()) return head;
  if ((second & kMaskBit) == 0) return bad();
  const uint8_t length = second & 0x7f;
  if (is_websocket_control(head.opcode) && (length > kWebsocketControlMax || !head.final)) return bad();
  head.payload_size = length;
  if (length == kLength16) head.payload_size = in.u16();
  if (length == kLength64) head.payload_size = in.u64();
  if (!in.ok()) return head;
  if (length == kLength16 && head.payload_size < kLength16) return bad();
  if (length == kLength64 && (head.payload_size <= UINT16_MAX || head.payload_size >> 63 != 0)) return bad();
  head.mask = in.take_array<4>();
  if (!in.ok()) return head;
  head.size = bytes.size() - in.remaining();
  head.state = WebsocketHead::State::head;
  return head;
}

void append_unmasked(std::string& out, common::ByteSpan payload, const std::array<uint8_t, 4>& mask,
                     uint64_t offset) {
  const size_t before = out.size();
  out.append(reinterpret_cast<const char*>(payload.data()), payload.size());
  for (size_t i = 0; i < payload.size(); ++i) {
    out[before + i] = static_cast<char>(static_cast<uint8_t>(out[before + i]) ^ mask[(offset + i) & 3]);
  }
}

std::optional<WebsocketClose> parse_websocket_close(std::string_view payload) {
  if (payload.empty()) return WebsocketClose::none_given;
  common::ByteReader in(common::bytes_of(payload));
  const uint16_t code = in.u16();
  if (!in.ok() || !is_utf8(payload.substr(2))) return std::nullopt;
  // 1004 to 1006 and 1015 are never sent; up to 2999 only what is registered, then libraries and programs.
  const bool registered = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
  if (!registered && (code < 3000 || code > 4999)) return std::nullopt;
  return static_cast<WebsocketClose>(code);
}

void append_websocket_frame(std::string& out, WebsocketOpcode opcode, std::string_view payload) {
  out += static_cast<char>(kFinalBit | static_cast<uint8_t>(opcode));
  const size_t size = payload.size();
  const auto big_endian = [&out, size](int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(size >> shift & 0xff);
  };
  if (size < kLength16) {
    out += static_cast<char>(size);
  } else if (size <= UINT16_MAX) {
    out += static_cast<char>(kLength16);
    big_endian(2);
  } else {
    out += static_cast<char>(kLength64);
    big_endian(8);
  }
  out += payload;
}

void append_websocket_close(std::string& out, WebsocketClose code) {
  const auto number = static_cast<uint16_t>(code);
  const std::array<char, 2> payload = {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)};
  append_websocket_frame(
      out, WebsocketOpcode::close,
      code == WebsocketClose::none_given ? std::string_view() : std::string_view(payload.data(), 2));
}

}  // namespace shoal::proto
