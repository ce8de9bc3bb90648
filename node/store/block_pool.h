// BlockRow and BlockPool: many blocks of one size, named by number, without an allocator's header and
// rounding for each. They grow by chunks of equal size: growing copies nothing large and leaves no odd holes
// in the heap. Neither is thread-safe.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "node/store/allocation.h"

namespace shoal::node {

// A row of blocks that grows and shrinks at its end. `size`, the bytes of a block, is the same in all calls.
// A pointer into the row is valid until the next push_back() or pop_back().
class BlockRow {
 public:
  uint32_t count() const { return count_; }
  uint8_t* at(uint32_t number, size_t size) {
    return chunks_[number / kChunkBlocks].get() + number % kChunkBlocks * size;
  }
  const uint8_t* at(uint32_t number, size_t size) const {
    return chunks_[number / kChunkBlocks].get() + number % kChunkBlocks * size;
  }

  // The new block's content is arbitrary.
  void push_back(size_t size) {
    const uint32_t in_last = count_ % kChunkBlocks;
    if (in_last == 0) {
      grow_for_one(chunks_, 8, 1);
      chunks_.push_back(std::make_unique_for_overwrite<uint8_t[]>(kLeastRoom * size));
      last_room_ = kLeastRoom;
    } else if (in_last == last_room_) {
      resize_last(in_last, std::min(kChunkBlocks, last_room_ + std::max(kLeastRoom, last_room_ / 4)), size);
    }
    ++count_;
  }

  void pop_back(size_t size) {
    --count_;
    const uint32_t in_last = count_ % kChunkBlocks;
    if (in_last == 0) {
      chunks_.pop_back();
      shrink_if_sparse(chunks_, 2);
      last_room_ = kChunkBlocks;
    } else if (in_last < last_room_ / 2) {
      resize_last(in_last, std::max(kLeastRoom, in_last * 5 / 4), size);
    }
  }

  size_t bytes(size_t size) const {
    if (chunks_.empty()) return 0;
    return allocated_bytes(chunks_) + (chunks_.size() - 1) * allocated_bytes(kChunkBlocks * size) +
           allocated_bytes(last_room_ * size);
  }

 private:
  static constexpr uint32_t kChunkBlocks = 64;
  static constexpr uint32_t kLeastRoom = 2;

  void resize_last(uint32_t used, uint32_t room, size_t size) {
    auto resized = std::make_unique_for_overwrite<uint8_t[]>(room * size);
    std::memcpy(resized.get(), chunks_.back().get(), used * size);
    chunks_.back() = std::move(resized);
    last_room_ = room;
  }

  std::vector<std::unique_ptr<uint8_t[]>> chunks_;  // all full-sized but the last
  uint32_t count_ = 0;
  uint32_t last_room_ = 0;  // blocks the last chunk can hold
};

// Blocks that are added and removed in any order. Freed ones are used again; when too many are idle, the
// owner copies all blocks into a fresh pool (wants_rebuild). A pointer is valid until the next add().
class BlockPool {
 public:
  uint8_t* at(uint32_t block, size_t size) { return row_.at(block, size); }
  const uint8_t* at(uint32_t block, size_t size) const { return row_.at(block, size); }

  // A block with arbitrary content, of at least 4 bytes.
  uint32_t add(size_t size) {
    if (idle_ == 0) {
      row_.push_back(size);
      return row_.count() - 1;
    }
    const uint32_t block = first_idle_;
    std::memcpy(&first_idle_, at(block, size), sizeof first_idle_);
    --idle_;
    return block;
  }

  // Idle blocks are chained through their first bytes.
  void remove(uint32_t block, size_t size) {
    std::memcpy(at(block, size), &first_idle_, sizeof first_idle_);
    first_idle_ = block;
    ++idle_;
  }

  bool wants_rebuild() const { return idle_ > row_.count() / 4; }
  size_t bytes(size_t size) const { return row_.bytes(size); }

 private:
  BlockRow row_;
  uint32_t first_idle_ = 0;
  uint32_t idle_ = 0;
};

}  // namespace shoal::node
