#include "node/websocket/websocket_stream.h"

#include <algorithm>
#include <utility>

namespace shoal::node {

using common::ByteSpan;
using proto::WebsocketClose;
using proto::WebsocketHead;
using proto::WebsocketOpcode;

void WebsocketStream::close(WebsocketClose code, std::string& out) {
  if (std::exchange(closed_, true)) return;
  proto::append_websocket_close(out, code);
  std::string().swap(message_);
  in_message_ = false;
}

void WebsocketStream::fail(WebsocketClose code, std::string& out, Took& took) {
  close(code, out);
  took.over = true;
  took.violated = true;
  took.broken = code == WebsocketClose::protocol_error || code == WebsocketClose::invalid_text;
}

WebsocketStream::Took WebsocketStream::receive(ByteSpan bytes, Reader& reader, std::string& out) {
  Took took;
  while (!bytes.empty() && !took.over) {
    if (!in_frame_) {
      // The head, of which a part may have come before.
      const size_t before = head_size_;
      const size_t more = std::min(bytes.size(), head_.size() - before);
      std::copy_n(bytes.begin(), more, head_.begin() + static_cast<ptrdiff_t>(before));
      const WebsocketHead head = proto::parse_websocket_head(ByteSpan(head_).first(before + more));
      if (head.state == WebsocketHead::State::bad) {
        fail(WebsocketClose::protocol_error, out, took);
        break;
      }
      if (head.state == WebsocketHead::State::need_more) {
        head_size_ = static_cast<uint8_t>(before + more);
        return took;
      }
      bytes = bytes.subspan(head.size - before);
      head_size_ = 0;
      if (!begin_frame(head)) {
        fail(trouble_, out, took);
        break;
      }
    }
    const size_t size =
        static_cast<size_t>(std::min<uint64_t>(bytes.size(), frame_.payload_size - frame_taken_));
    take_payload(bytes.first(size));
    bytes = bytes.subspan(size);
    if (trouble_ != WebsocketClose::normal) {
      fail(trouble_, out, took);
      break;
    }
    if (frame_taken_ < frame_.payload_size) break;
    in_frame_ = false;
    ++took.frames;
    end_frame(reader, out, took);
  }
  if (took.over) {
    std::string().swap(message_);
    std::string().swap(control_);
    head_size_ = 0;
    in_frame_ = false;
    in_message_ = false;
  }
  return took;
}

// False: it may not come here; `trouble_` says why.
bool WebsocketStream::begin_frame(const WebsocketHead& head) {
  frame_ = head;
  frame_taken_ = 0;
  in_frame_ = true;
  if (is_control() || closed_) return true;
  const bool first = head.opcode != WebsocketOpcode::continuation;
  if (first == in_message_) {
    trouble_ = WebsocketClose::protocol_error;
  } else if (head.opcode == WebsocketOpcode::binary) {
    trouble_ = WebsocketClose::unsupported_data;
  } else if (head.payload_size > message_max_ - message_.size()) {
    trouble_ = WebsocketClose::too_big;
  }
  in_message_ = true;
  return trouble_ == WebsocketClose::normal;
}

void WebsocketStream::take_payload(ByteSpan bytes) {
  const uint64_t offset = std::exchange(frame_taken_, frame_taken_ + bytes.size());
  if (is_control()) return proto::append_unmasked(control_, bytes, frame_.mask, offset);
  if (closed_) return;  // nobody reads it any more
  const size_t before = message_.size();
  proto::append_unmasked(message_, bytes, frame_.mask, offset);
  if (!utf8_.take(std::string_view(message_).substr(before))) trouble_ = WebsocketClose::invalid_text;
}

void WebsocketStream::end_frame(Reader& reader, std::string& out, Took& took) {
  if (is_control()) return end_control(out, took);
  if (closed_ || !frame_.final) return;
  if (!utf8_.whole()) return fail(WebsocketClose::invalid_text, out, took);
  ++took.messages;
  in_message_ = false;
  const std::string message = std::exchange(message_, {});
  utf8_ = {};
  const WebsocketClose code = reader.message(message, out);
  if (code == WebsocketClose::normal) return;
  close(code, out);
  took.over = true;
}

void WebsocketStream::end_control(std::string& out, Took& took) {
  const std::string payload = std::exchange(control_, {});
  switch (frame_.opcode) {
    case WebsocketOpcode::ping:
      if (!closed_) proto::append_websocket_frame(out, WebsocketOpcode::pong, payload);
      return;
    case WebsocketOpcode::close: {
      const auto code = proto::parse_websocket_close(payload);
      if (!code) return fail(WebsocketClose::protocol_error, out, took);
      close(*code, out);
      took.over = true;
      return;
    }
    case WebsocketOpcode::pong:
    case WebsocketOpcode::continuation:
    case WebsocketOpcode::text:
    case WebsocketOpcode::binary:
      return;
  }
}

}  // namespace shoal::node
