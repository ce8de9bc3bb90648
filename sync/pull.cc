#include "sync/pull.h"

#include <algorithm>
#include <cstddef>

namespace shoal::sync {

Pull::Came Pull::feed(common::ByteSpan& bytes, proto::PullFrame& frame, int64_t now_us) {
  if (!bytes.empty()) {
    answered_ = true;
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
  heard_us_ = now_us;
  bytes_ += static_cast<int64_t>(kLengthSize + size);
  done_ = frame.done;
  if (purpose_.sketched && done_ == 0 && now_us - started_us_ < kComparingMaxUs) paced_from_us_ = now_us;
  complete_ = frame.last;
  return Came::frame;
}

int64_t Pull::pace_deadline_us() const {
  const int64_t by_bytes_us = bytes_ * 1'000'000 / kBytesPerSecondMin;
  const int64_t by_progress_us = done_ * (kWholeMaxUs / 1000);
  return paced_from_us_ + kStartUs + std::min(by_bytes_us, by_progress_us);
}

int64_t Pull::deadline_us() const {
  // Once all has arrived only the end of the connection is missing.
  const int64_t silent_us = heard_us_ + kSilentMaxUs;
  return complete_ ? silent_us : std::min(silent_us, pace_deadline_us());
}

}  // namespace shoal::sync
