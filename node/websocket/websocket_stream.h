// WebsocketStream: the server's end of one WebSocket connection (RFC 6455) after its opening, without a
// socket: bytes of the client in, messages and bytes for the client out. Text messages only: what is binary
// closes the connection with 1003. Messages may come in parts, with pings between them, up to a bound.
//
// It keeps the beginning of a message, of a control frame and of a frame's head, and nothing while it is
// idle. One thread.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/bytes.h"
#include "proto/utf8.h"
#include "proto/websocket_frame.h"

namespace shoal::node {

class WebsocketStream {
 public:
  class Reader {
   public:
    // A whole text message, which is UTF-8. Appends what the client is to be sent, as frames. Anything but
    // `normal` closes the connection with that.
    virtual proto::WebsocketClose message(std::string_view text, std::string& out) = 0;

   protected:
    ~Reader() = default;
  };

  struct Took {
    size_t frames = 0;
    size_t messages = 0;
    bool over = false;      // the closing handshake is over, as far as it is ours: close the connection
    bool violated = false;  // because the client broke the protocol, or sent what is not taken
    bool broken = false;    // so that no script of a web page can have made a browser do it
  };

  explicit WebsocketStream(uint32_t message_max) : message_max_(message_max) {}

  // Takes all bytes; what comes after the end is dropped. Appends pongs, and the answer to a close, to `out`.
  Took receive(common::ByteSpan bytes, Reader& reader, std::string& out);

  // Begins the closing handshake, once: nothing is sent after it. The client's answer to it ends it.
  void close(proto::WebsocketClose code, std::string& out);

  // A message, or a frame, has begun and is not whole.
  bool unfinished() const { return head_size_ > 0 || in_frame_ || in_message_; }
  size_t kept_bytes() const { return common::heap_bytes(message_) + common::heap_bytes(control_); }

 private:
  bool begin_frame(const proto::WebsocketHead& head);
  void take_payload(common::ByteSpan bytes);
  void end_frame(Reader& reader, std::string& out, Took& took);
  void end_control(std::string& out, Took& took);
  void fail(proto::WebsocketClose code, std::string& out, Took& took);
  bool is_control() const { return frame_.opcode >= proto::WebsocketOpcode::close; }

  const uint32_t message_max_;
  std::array<uint8_t, proto::kWebsocketHeadMax> head_{};  // the beginning of one
  uint8_t head_size_ = 0;
  bool in_frame_ = false;
  bool in_message_ = false;  // its first frame has come, its last has not
  bool closed_ = false;      // we have sent a close, or the connection is over
  proto::Utf8Check utf8_;
  proto::WebsocketClose trouble_ =
      proto::WebsocketClose::normal;  // what begin_frame() or take_payload() found
  proto::WebsocketHead frame_;
  uint64_t frame_taken_ = 0;  // bytes of its payload
  std::string message_;
  std::string control_;
};

}  // namespace shoal::node
