// What a connection becomes that sends each message back; it closes at the message `closing`, if there is
// one.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "node/http/http_server.h"
#include "node/websocket/websocket_stream.h"

namespace shoal::test {

class WebsocketEcho final : public node::Upgraded, public node::WebsocketStream::Reader {
 public:
  explicit WebsocketEcho(uint32_t message_max, std::string_view closing = {})
      : stream_(message_max), closing_(closing) {}

  Took received(common::ByteSpan bytes, std::string& out) override {
    const node::WebsocketStream::Took took = stream_.receive(bytes, *this, out);
    return {.steps = took.frames, .whole = took.messages > 0, .over = took.over};
  }
  void ask(std::string& out) override {
    proto::append_websocket_frame(out, proto::WebsocketOpcode::ping, {});
  }
  void leave(std::string& out) override { stream_.close(proto::WebsocketClose::going_away, out); }
  size_t kept_bytes() const override { return stream_.kept_bytes(); }
  size_t parting_steps() const override { return 1; }
  bool unfinished() const override { return stream_.unfinished(); }
  proto::WebsocketClose message(std::string_view text, std::string& out) override {
    if (!closing_.empty() && text == closing_) return proto::WebsocketClose::policy;
    proto::append_websocket_frame(out, proto::WebsocketOpcode::text, text);
    return proto::WebsocketClose::normal;
  }

 private:
  node::WebsocketStream stream_;
  const std::string_view closing_;
};

}  // namespace shoal::test
