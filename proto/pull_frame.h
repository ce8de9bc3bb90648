// A frame of the answer to a pull, before it is sealed.
//
//   flags u8 (1: LZ4, 2: the last one, 4: a sketch did not do), raw size u32, the raw bytes or one LZ4 block
//   of them
//   raw: tick u64, done u16, record blocks; or, with flag 4: tick u64, done u16, estimate u32
//
// Stamps are relative to the frame's tick: the donor's when it read the records. Done says how much of its
// store the donor has read, in thousandths.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"
#include "proto/record_blocks.h"

namespace shoal::proto {

constexpr size_t kPullRawMax = 64 * 1024;
// A frame that shrinks more is sent as it is, and refused if it was not: records shrink to about a third, and
// what a few bytes unpack to is work for the receiver.
constexpr size_t kPullRatioMax = 16;
constexpr size_t kPullFrameMax = 5 + kPullRawMax + kPullRawMax / 255 + 16;  // if LZ4 does not shrink it

struct PullFrame {
  common::Tick tick = 0;
  uint16_t done = 0;
  bool last = false;
  std::vector<RecordBlock> blocks{};
  // The sketch of the request was too small: about so many records differ. Only in the last frame, which has
  // no blocks then.
  std::optional<uint32_t> differing{};
  bool operator==(const PullFrame&) const = default;
};

// Collects blocks into frames.
class PullFrameWriter {
 public:
  // Whether a block of this size still fits the frame.
  bool fits(size_t block_size) const { return kHead + blocks_.size() + block_size <= kPullRawMax; }
  void add(common::ByteSpan block) { blocks_.insert(blocks_.end(), block.begin(), block.end()); }
  size_t bytes() const { return blocks_.size(); }

  // Returns the frame, and starts a new one.
  std::vector<uint8_t> finish(common::Tick tick, uint16_t done, bool last);

  // The only frame of an answer to a sketch that was too small: about so many records differ.
  static std::vector<uint8_t> too_small(common::Tick tick, uint32_t differing);

 private:
  static constexpr size_t kHead = 8 + 2;
  std::vector<uint8_t> blocks_;
};

// All or nothing.
common::Result<PullFrame> decode_pull_frame(common::ByteSpan bytes);

}  // namespace shoal::proto
