// One WebSocket connection: what it says and hands on does not depend on how the bytes are cut; messages are
// UTF-8 and within their bound; once it is over nothing is kept. The first byte is the size of the pieces.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "common/check.h"
#include "node/websocket/websocket_stream.h"
#include "proto/utf8.h"

using namespace shoal;
using namespace shoal::node;

namespace {

constexpr uint32_t kMessageMax = 300;

struct Heard final : WebsocketStream::Reader {
  WebsocketStream stream{kMessageMax};
  std::vector<std::string> messages;
  std::string out;
  WebsocketStream::Took total;

  proto::WebsocketClose message(std::string_view text, std::string& to) override {
    CHECK_INVARIANT(text.size() <= kMessageMax && proto::is_utf8(text));
    messages.emplace_back(text);
    if (text == "close") return proto::WebsocketClose::policy;
    proto::append_websocket_frame(to, proto::WebsocketOpcode::text, text);
    return proto::WebsocketClose::normal;
  }

  void take(common::ByteSpan bytes, size_t piece) {
    while (!bytes.empty() && !total.over) {
      const size_t size = std::min(piece, bytes.size());
      const WebsocketStream::Took took = stream.receive(bytes.first(size), *this, out);
      total.frames += took.frames;
      total.messages += took.messages;
      total.over = took.over;
      total.violated = took.violated;
      bytes = bytes.subspan(size);
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const common::ByteSpan bytes(data + 1, size - 1);
  Heard whole;
  whole.take(bytes, bytes.size());
  Heard torn;
  torn.take(bytes, 1 + data[0] % 32);
  CHECK_INVARIANT(whole.messages == torn.messages && whole.out == torn.out);
  CHECK_INVARIANT(whole.total.over == torn.total.over && whole.total.violated == torn.total.violated);
  CHECK_INVARIANT(whole.total.messages == whole.messages.size() && whole.total.frames == torn.total.frames);
  CHECK_INVARIANT(!whole.total.over || (whole.stream.kept_bytes() <= 64 && !whole.stream.unfinished()));
  return 0;
}
