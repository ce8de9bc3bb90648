#include "node/websocket/websocket_stream.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/support/websocket_frames.h"

using namespace shoal;
using namespace shoal::node;
using proto::WebsocketClose;
using proto::WebsocketOpcode;
using test::client_frame;
using test::client_text;

namespace {

constexpr uint32_t kMessageMax = 1000;

// The server's end; it answers each message with its length.
struct End final : WebsocketStream::Reader {
  WebsocketStream stream{kMessageMax};
  std::vector<std::string> messages;
  std::string out;
  WebsocketStream::Took last;
  bool over = false;
  WebsocketClose verdict = WebsocketClose::normal;

  WebsocketClose message(std::string_view text, std::string& to) override {
    messages.emplace_back(text);
    if (verdict == WebsocketClose::normal) {
      proto::append_websocket_frame(to, WebsocketOpcode::text, std::to_string(text.size()));
    }
    return verdict;
  }

  void receive(const std::string& bytes) {
    last = stream.receive(common::bytes_of(bytes), *this, out);
    over = over || last.over;
  }

  // All at once, or byte by byte.
  void receive(const std::string& bytes, bool in_bytes) {
    if (!in_bytes) return receive(bytes);
    for (const char byte : bytes) {
      if (!over) receive(std::string(1, byte));
    }
  }
};

std::string closing(WebsocketClose code) {
  std::string out;
  proto::append_websocket_close(out, code);
  return out;
}

// What the server says to these bytes, the same however they come.
std::string answer_to(const std::string& bytes) {
  End whole;
  whole.receive(bytes, false);
  End torn;
  torn.receive(bytes, true);
  CHECK(whole.out == torn.out);
  CHECK(whole.messages == torn.messages);
  CHECK(whole.over == torn.over);
  return whole.out;
}

std::string closed_with(const std::string& bytes) {
  End end;
  end.receive(bytes);
  CHECK(end.over);
  CHECK(end.stream.kept_bytes() <= 32);  // nothing but the strings' own
  return answer_to(bytes);
}

}  // namespace

TEST_CASE("websocket stream: messages, whole and in parts, with pings between the parts") {
  CHECK(answer_to(client_text("hello")) ==
        "\x81\x01"
        "5");
  CHECK(answer_to(client_text("")) ==
        "\x81\x01"
        "0");
  CHECK(answer_to(client_text("one") + client_text("seven")) ==
        "\x81\x01"
        "3"
        "\x81\x01"
        "5");
  CHECK(answer_to(client_frame(WebsocketOpcode::text, "ab", false) +
                  client_frame(WebsocketOpcode::ping, "x") +
                  client_frame(WebsocketOpcode::continuation, "", false) +
                  client_frame(WebsocketOpcode::continuation, "cd")) ==
        "\x8a\x01x\x81\x01"
        "4");
  CHECK(answer_to(client_text(std::string(kMessageMax, 'x'))) ==
        "\x81\x04"
        "1000");
}

TEST_CASE("websocket stream: pings are answered with their bytes, pongs with nothing") {
  CHECK(answer_to(client_frame(WebsocketOpcode::ping, "")) == std::string("\x8a\x00", 2));
  CHECK(answer_to(client_frame(WebsocketOpcode::ping, std::string(125, 'p'))) ==
        "\x8a\x7d" + std::string(125, 'p'));
  CHECK(answer_to(client_frame(WebsocketOpcode::pong, "unasked")).empty());
}

TEST_CASE("websocket stream: a close is answered with its code and ends it") {
  CHECK(closed_with(client_frame(WebsocketOpcode::close, "")) == closing(WebsocketClose::none_given));
  CHECK(closed_with(client_frame(WebsocketOpcode::close, "\x03\xe8") + client_text("late")) ==
        closing(WebsocketClose::normal));
  CHECK(closed_with(client_frame(WebsocketOpcode::close, "\x03\xe9going")) ==
        closing(WebsocketClose::going_away));
}

TEST_CASE("websocket stream: what breaks the protocol closes it with the right code") {
  const std::string bad_close = closing(WebsocketClose::protocol_error);
  CHECK(closed_with("\xc1\x80") == bad_close);                                        // a reserved bit
  CHECK(closed_with("\x83\x80") == bad_close);                                        // an unknown opcode
  CHECK(closed_with(std::string("\x81\x01x")) == bad_close);                          // not masked
  CHECK(closed_with(client_frame(WebsocketOpcode::continuation, "x")) == bad_close);  // of nothing
  CHECK(closed_with(client_frame(WebsocketOpcode::text, "x", false) + client_text("y")) == bad_close);
  CHECK(closed_with(client_frame(WebsocketOpcode::close, "\x03")) == bad_close);          // half a code
  CHECK(closed_with(client_frame(WebsocketOpcode::close, "\x03\xed")) == bad_close);      // 1005
  CHECK(closed_with(client_frame(WebsocketOpcode::close, "\x03\xe8\xff")) == bad_close);  // not UTF-8
  CHECK(closed_with(client_frame(WebsocketOpcode::binary, "x")) == closing(WebsocketClose::unsupported_data));
  CHECK(closed_with(client_text("\xff")) == closing(WebsocketClose::invalid_text));
  CHECK(closed_with(client_text("\xe2\x82")) == closing(WebsocketClose::invalid_text));
}

TEST_CASE("websocket stream: a character may be torn by frames") {
  CHECK(answer_to(client_frame(WebsocketOpcode::text, "\xe2\x82", false) +
                  client_frame(WebsocketOpcode::continuation, "\xac")) ==
        "\x81\x01"
        "3");
}

TEST_CASE("websocket stream: a message that is too long is refused by its head, whole or in parts") {
  const std::string too_big = closing(WebsocketClose::too_big);
  const std::string head = client_text(std::string(kMessageMax + 1, 'x')).substr(0, 8);
  CHECK(closed_with(head) == too_big);
  CHECK(closed_with(std::string("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04", 14)) == too_big);
  CHECK(closed_with(client_frame(WebsocketOpcode::text, std::string(kMessageMax, 'x'), false) +
                    client_frame(WebsocketOpcode::continuation, "x")) == too_big);
}

TEST_CASE("websocket stream: it says what it waits for, and keeps nothing when it is idle") {
  End end;
  const std::string frame = client_text(std::string(500, 'x'));
  for (const size_t size : {size_t{1}, size_t{8}, size_t{100}}) {
    End torn;
    torn.receive(frame.substr(0, size));
    CHECK(torn.stream.unfinished());
  }
  end.receive(frame);
  CHECK_FALSE(end.stream.unfinished());
  CHECK(end.stream.kept_bytes() <= 32);
  CHECK(end.last.messages == 1);
  end.receive(client_frame(WebsocketOpcode::text, "x", false));
  CHECK(end.stream.unfinished());
}

TEST_CASE("websocket stream: it can close by itself, and then waits for the client's close only") {
  End end;
  end.stream.close(WebsocketClose::going_away, end.out);
  end.stream.close(WebsocketClose::policy, end.out);
  CHECK(end.out == closing(WebsocketClose::going_away));
  end.receive(client_text("late") + client_frame(WebsocketOpcode::ping, "late"));
  CHECK(end.messages.empty());
  CHECK_FALSE(end.over);
  end.receive(client_frame(WebsocketOpcode::close, "\x03\xe9"));
  CHECK(end.over);
  CHECK(end.out == closing(WebsocketClose::going_away));
}

TEST_CASE("websocket stream: the reader may close it") {
  End end;
  end.verdict = WebsocketClose::policy;
  end.receive(client_text("a") + client_text("b"));
  CHECK(end.messages == std::vector<std::string>{"a"});
  CHECK(end.over);
  CHECK_FALSE(end.last.violated);
  CHECK(end.out == closing(WebsocketClose::policy));
}
