#include "sync/pull.h"

#include <algorithm>
#include <cstddef>

namespace shoal::sync {

Pull::Came Pull::feed(common::ByteSpan& bytes, proto::PullFrame& frame, int64_t now_us) {
  if (!bytes.empty()) {
    answered_ = true;
    heard_us_ = now_us;
    if (complete_) return Came::damaged;  // bytes after the last frame
  }
  const auto fill_to = [&](size_t size) {
    const size_t count = std::min(bytes.size(), size - std::min(size, buffer_.size()));
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count));
    bytes = bytes.subspan(count);
    return buffer_.size() >= size;
  };
  if (!fill_to(kLengthSize)) return Came::nothing_yet;
  const size_t size = common::ByteReader(buffer_).u32();
  if (size > kSealedFrameHead + proto::kSyncTagSize + proto::kPullFrameMax) return Came::damaged;
  if (!fill_to(kLengthSize + size)) return Came::nothing_yet;
  const auto opened = open_frame(seal_, index_, common::ByteSpan(buffer_).subspan(kLengthSize));
  buffer_.clear();
  if (!opened) return Came::damaged;
  auto decoded = proto::decode_pull_frame(*opened);
  if (!decoded) return Came::damaged;
  frame = std::move(*decoded);
  ++index_;
  percent_ = frame.done / 10;
  complete_ = frame.last;
  return Came::frame;
}

}  // namespace shoal::sync
