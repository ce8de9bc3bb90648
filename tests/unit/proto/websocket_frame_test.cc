#include "proto/websocket_frame.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/support/websocket_frames.h"

using namespace shoal;
using namespace shoal::proto;

namespace {

using State = WebsocketHead::State;

WebsocketHead head_of(const std::vector<uint8_t>& bytes) { return parse_websocket_head(bytes); }

State state_of(const std::vector<uint8_t>& bytes) { return head_of(bytes).state; }

std::string close_payload(uint16_t code, std::string_view reason = {}) {
  return std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)} + std::string(reason);
}

}  // namespace

TEST_CASE("websocket frame: the example of RFC 6455, 5.7") {
  const std::vector<uint8_t> bytes = {
      0x81,                    // final, text
      0x85,                    // masked, 5 bytes
      0x37, 0xfa, 0x21, 0x3d,  // mask
      0x7f, 0x9f, 0x4d, 0x51, 0x58,
  };
  const WebsocketHead head = head_of(bytes);
  REQUIRE(head.state == State::head);
  CHECK(head.final);
  CHECK(head.opcode == WebsocketOpcode::text);
  CHECK(head.payload_size == 5);
  CHECK(head.size == 6);
  std::string text;
  append_unmasked(text, common::ByteSpan(bytes).subspan(head.size), head.mask, 0);
  CHECK(text == "Hello");
  CHECK(test::client_text("Hello") == std::string(bytes.begin(), bytes.end()));
}

TEST_CASE("websocket frame: lengths of one, two and eight bytes, in their shortest form only") {
  CHECK(head_of({0x82, 0xfd, 1, 2, 3, 4}).payload_size == 125);
  CHECK(head_of({0x82, 0xfe, 0, 126, 1, 2, 3, 4}).payload_size == 126);
  CHECK(state_of({0x82, 0xfe, 0, 125, 1, 2, 3, 4}) == State::bad);
  CHECK(head_of({0x82, 0xfe, 0xff, 0xff, 1, 2, 3, 4}).payload_size == 65535);
  CHECK(head_of({0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4}).payload_size == 65536);
  CHECK(state_of({0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4}) == State::bad);
  CHECK(state_of({0x82, 0xff, 0x80, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4}) == State::bad);
}

TEST_CASE("websocket frame: every beginning of a head needs more") {
  const std::vector<uint8_t> whole = {0x01, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4};
  for (size_t size = 0; size < whole.size(); ++size) {
    CHECK(state_of({whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)}) == State::need_more);
  }
  CHECK(state_of(whole) == State::head);
}

TEST_CASE("websocket frame: what nobody has agreed on is bad, as soon as it is seen") {
  for (const uint8_t reserved : {0x40, 0x20, 0x10}) {
    CHECK(state_of({static_cast<uint8_t>(0x81 | reserved)}) == State::bad);
  }
  for (const uint8_t opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    CHECK(state_of({static_cast<uint8_t>(0x80 | opcode)}) == State::bad);
  }
  CHECK(state_of({0x81, 0x05}) == State::bad);        // not masked
  CHECK(state_of({0x89, 0x80 | 126}) == State::bad);  // a ping of more than 125 bytes
  CHECK(state_of({0x09, 0x80}) == State::bad);        // a ping in parts
}

TEST_CASE("websocket frame: ours are not masked") {
  std::string out;
  append_websocket_frame(out, WebsocketOpcode::text, "Hello");
  CHECK(out == "\x81\x05Hello");
  out.clear();
  append_websocket_frame(out, WebsocketOpcode::text, std::string(126, 'x'));
  CHECK(out.substr(0, 4) == std::string("\x81\x7e\x00\x7e", 4));
  CHECK(out.size() == 4 + 126);
  out.clear();
  append_websocket_frame(out, WebsocketOpcode::text, std::string(65536, 'x'));
  CHECK(out.substr(0, 10) == std::string("\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10));
  out.clear();
  append_websocket_close(out, WebsocketClose::going_away);
  CHECK(out == "\x88\x02\x03\xe9");
  out.clear();
  append_websocket_close(out, WebsocketClose::none_given);
  CHECK(out == std::string("\x88\x00", 2));
}

TEST_CASE("websocket frame: codes that may close a connection") {
  CHECK(parse_websocket_close("") == WebsocketClose::none_given);
  CHECK(parse_websocket_close(close_payload(1000, "bye")) == WebsocketClose::normal);
  for (const uint16_t code : {1001, 1002, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999}) {
    CHECK(parse_websocket_close(close_payload(code)).has_value());
  }
  for (const uint16_t code : {0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535}) {
    CHECK_FALSE(parse_websocket_close(close_payload(code)).has_value());
  }
  CHECK_FALSE(parse_websocket_close("\x03").has_value());
  CHECK_FALSE(parse_websocket_close(close_payload(1000, "\xff")).has_value());
}
