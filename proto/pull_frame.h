// A frame of the answer to a pull, before it is sealed.
//
//   flags u8 (1: LZ4, 2: the last one), raw size u32, the raw bytes or one LZ4 block of them
//   raw: tick u64, done u16, record blocks
//
// Stamps are relative to the frame's tick: the donor's when it read the records. Done says how much of its
// store the donor has read, in thousandths.

#pragma once

#include <cstdint>
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
  std::vector<RecordBlock> blocks;
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

 private:
  static constexpr size_t kHead = 8 + 2;
  std::vector<uint8_t> blocks_;
};

// All or nothing.
common::Result<PullFrame> decode_pull_frame(common::ByteSpan bytes);

}  // namespace shoal::proto
