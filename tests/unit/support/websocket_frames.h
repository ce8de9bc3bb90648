// Frames as a WebSocket client writes them.

#pragma once

#include <array>
#include <string>
#include <string_view>

#include "proto/websocket_frame.h"

namespace shoal::test {

constexpr std::array<uint8_t, 4> kMask = {0x37, 0xfa, 0x21, 0x3d};

inline std::string masked(std::string_view payload) {
  std::string out;
  proto::append_unmasked(out, common::bytes_of(payload), kMask, 0);
  return out;
}

inline std::string client_frame(proto::WebsocketOpcode opcode, std::string_view payload, bool final = true) {
  std::string out(1, static_cast<char>((final ? 0x80 : 0) | static_cast<int>(opcode)));
  const size_t size = payload.size();
  if (size < 126) {
    out += static_cast<char>(0x80 | size);
  } else if (size <= 0xffff) {
    out += static_cast<char>(0x80 | 126);
    for (const int shift : {8, 0}) out += static_cast<char>(size >> shift & 0xff);
  } else {
    out += static_cast<char>(0x80 | 127);
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift & 0xff);
  }
  for (const uint8_t byte : kMask) out += static_cast<char>(byte);
  return out + masked(payload);
}

inline std::string client_text(std::string_view text) {
  return client_frame(proto::WebsocketOpcode::text, text);
}

}  // namespace shoal::test
