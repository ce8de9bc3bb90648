#include "proto/pull_frame.h"

#include <lz4.h>

#include <algorithm>

#include "common/check.h"

namespace shoal::proto {

namespace {

constexpr uint8_t kPullFlagLz4 = 1;
constexpr uint8_t kPullFlagLast = 2;
constexpr uint8_t kPullFlagTooSmall = 4;
constexpr size_t kFrameHead = 1 + 4;
constexpr uint16_t kDoneMax = 1000;

// Differences of ticks cannot overflow.
constexpr uint64_t kTickMax = uint64_t{1} << 52;

common::Result<PullFrame> parse_raw(common::ByteSpan raw, uint8_t flags) {
  PullFrame frame;
  frame.last = (flags & kPullFlagLast) != 0;
  common::ByteReader reader(raw);
  const uint64_t tick = reader.u64();
  frame.done = reader.u16();
  if (!reader.ok() || tick > kTickMax || frame.done > kDoneMax) return common::fail("bad frame");
  frame.tick = static_cast<common::Tick>(tick);
  if ((flags & kPullFlagTooSmall) != 0) {
    frame.differing = reader.u32();
    if (!reader.ok() || reader.remaining() > 0 || !frame.last) return common::fail("bad estimate");
    return frame;
  }
  while (reader.remaining() > 0) {
    if (!read_record_block(reader, frame.blocks.emplace_back())) return common::fail("bad block");
  }
  return frame;
}

}  // namespace

std::vector<uint8_t> PullFrameWriter::finish(common::Tick tick, uint16_t done, bool last) {
  CHECK_INVARIANT(tick >= 0 && done <= kDoneMax);
  std::vector<uint8_t> raw(kHead + blocks_.size());
  common::ByteWriter writer(raw);
  writer.u64(static_cast<uint64_t>(tick));
  writer.u16(done);
  writer.bytes(blocks_);
  blocks_.clear();
  CHECK_INVARIANT(writer.ok() && raw.size() <= kPullRawMax);

  std::vector<uint8_t> frame(kFrameHead + raw.size());
  // Used only if it is shorter, but not if it is much shorter.
  const int packed = LZ4_compress_default(reinterpret_cast<const char*>(raw.data()),
                                          reinterpret_cast<char*>(frame.data() + kFrameHead),
                                          static_cast<int>(raw.size()), static_cast<int>(raw.size()) - 1);
  const bool use_packed = packed > 0 && raw.size() <= kPullRatioMax * static_cast<size_t>(packed);
  if (use_packed) {
    frame.resize(kFrameHead + static_cast<size_t>(packed));
  } else {
    frame.resize(kFrameHead + raw.size());
    std::copy(raw.begin(), raw.end(), frame.begin() + kFrameHead);
  }
  common::ByteWriter head(frame);
  head.u8(static_cast<uint8_t>((use_packed ? kPullFlagLz4 : 0) | (last ? kPullFlagLast : 0)));
  head.u32(static_cast<uint32_t>(raw.size()));
  return frame;
}

std::vector<uint8_t> PullFrameWriter::too_small(common::Tick tick, uint32_t differing) {
  CHECK_INVARIANT(tick >= 0);
  constexpr size_t kRaw = kHead + 4;
  std::vector<uint8_t> frame(kFrameHead + kRaw);
  common::ByteWriter writer(frame);
  writer.u8(kPullFlagTooSmall | kPullFlagLast);
  writer.u32(kRaw);
  writer.u64(static_cast<uint64_t>(tick));
  writer.u16(kDoneMax);
  writer.u32(differing);
  CHECK_INVARIANT(writer.ok() && writer.room() == 0);
  return frame;
}

common::Result<PullFrame> decode_pull_frame(common::ByteSpan bytes) {
  common::ByteReader reader(bytes);
  const uint8_t flags = reader.u8();
  const size_t raw_size = reader.u32();
  if (!reader.ok() || (flags & ~(kPullFlagLz4 | kPullFlagLast | kPullFlagTooSmall)) != 0 ||
      raw_size > kPullRawMax) {
    return common::fail("bad frame head");
  }
  const common::ByteSpan body = reader.rest();
  if ((flags & kPullFlagLz4) == 0) {
    if (body.size() != raw_size) return common::fail("bad raw size");
    return parse_raw(body, flags);
  }
  if (raw_size > kPullRatioMax * body.size()) return common::fail("packed too well");
  std::vector<uint8_t> raw(raw_size);
  const int unpacked =
      LZ4_decompress_safe(reinterpret_cast<const char*>(body.data()), reinterpret_cast<char*>(raw.data()),
                          static_cast<int>(body.size()), static_cast<int>(raw_size));
  if (unpacked < 0 || static_cast<size_t>(unpacked) != raw_size) return common::fail("bad LZ4 block");
  return parse_raw(raw, flags);
}

}  // namespace shoal::proto
