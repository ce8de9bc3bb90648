// What a feed's server sends, and the copies of it on disk. The list is the same however the bytes are split;
// what is refused is refused in the end.

#include <string>
#include <string_view>

#include "common/check.h"
#include "node/feeds/feed_copy.h"
#include "node/feeds/feed_reader.h"

using namespace shoal;

namespace {

constexpr node::FeedBounds kBounds{
    .received_max = 1 << 20, .text_max = 1 << 20, .lines_max = 1'000, .entries_max = 500};

common::Result<node::FeedContent> read(std::string_view bytes, node::FeedKind kind, size_t step) {
  node::FeedReader reader(kind, kBounds);
  bool taken = true;
  for (; taken && !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size())))
    taken = reader.add(bytes.substr(0, step));
  auto content = reader.finish();
  CHECK_INVARIANT(taken || !content);
  return content;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const auto kind : {node::FeedKind::networks, node::FeedKind::hashes}) {
    const auto whole = read(bytes, kind, size + 1);
    const auto split = read(bytes, kind, 1 + size % 5);
    CHECK_INVARIANT(whole.has_value() == split.has_value());
    if (!whole) continue;
    CHECK_INVARIANT(whole->entries == split->entries && whole->bad_lines == split->bad_lines);
    CHECK_INVARIANT(whole->entries > 0 && whole->entries <= kBounds.entries_max);
    if (whole->networks) CHECK_INVARIANT(*whole->networks == *split->networks);
  }
  if (const auto note = node::parse_feed_note(bytes)) {
    const auto again = node::parse_feed_note(node::format_feed_note(*note));
    CHECK_INVARIANT(again && again->version == note->version && again->hash == note->hash &&
                    again->bytes == note->bytes);
  }
  return 0;
}
