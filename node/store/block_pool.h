// BlockRow and BlockPool: many blocks of one size, named by number, without an allocator's header and
// rounding for each. They grow by chunks of equal bytes: growing copies nothing large, and a chunk that one
// row gives back fits any other. Neither is thread-safe.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "node/store/allocation.h"
#include "node/store/peer_record.h"

namespace shoal::node {

// Of all rows alike, so that what one gives back fits any other.
constexpr uint32_t kRowChunkBytes = 2048;

// A row of blocks that grows and shrinks at its end. `size`, the bytes of a block, is the same in all calls.
// A pointer into the row is valid until the row grows or shrinks. Each chunk has `Numbers` numbers, a power
// of two; where fewer blocks fit into it the others are not used.
template <uint32_t Numbers>
class BlockRow {
 public:
  uint32_t count() const { return count_; }
  uint8_t* at(uint32_t number, size_t size) {
    return chunks_[number / Numbers].get() + number % Numbers * size;
  }
  const uint8_t* at(uint32_t number, size_t size) const {
    return chunks_[number / Numbers].get() + number % Numbers * size;
  }

  // The number of a block by its place in the row, and its place.
  static uint32_t number_of(uint32_t place, size_t size) {
    const uint32_t each = in_chunk(size);
    return place / each * Numbers + place % each;
  }
  static uint32_t place_of(uint32_t number, size_t size) {
    return number / Numbers * in_chunk(size) + number % Numbers;
  }

  // The new block's content is arbitrary. Returns its number.
  uint32_t push_back(size_t size) {
    const uint32_t number = number_of(count_, size);
    const uint32_t in_last = number % Numbers;
    if (in_last == 0) {
      const uint32_t chunks = number / Numbers;
      if (chunks == room_) resize(chunks + std::max<uint32_t>(1, chunks / 8), chunks);
      last_room_ = room_from(0, size);
      chunks_[chunks] = make_chunk(last_room_, size);
    } else if (in_last == last_room_) {
      resize_last(number / Numbers, in_last, room_from(in_last, size), size);
    }
    ++count_;
    return number;
  }

  void pop_back(size_t size) { cut(count_ - 1, size); }

  // Leaves the first `count` blocks.
  void cut(uint32_t count, size_t size) {
    const uint32_t each = in_chunk(size);
    const uint32_t before = chunks_for(count_, size);
    const uint32_t chunks = chunks_for(count, size);
    count_ = count;
    if (chunks < before) {
      for (uint32_t i = chunks; i < before; ++i) chunks_[i].reset();
      last_room_ = each;
      if (chunks == 0 || (room_ > 2 && chunks < room_ / 2)) resize(chunks + chunks / 8, chunks);
    }
    const uint32_t in_last = count % each;
    if (in_last == 0 || in_last >= last_room_ / 2) return;
    const uint32_t room = room_from(in_last, size);
    if (room < last_room_) resize_last(chunks - 1, in_last, room, size);
  }

  size_t bytes(size_t size) const {
    if (count_ == 0) return 0;
    return allocated_bytes(room_ * sizeof(Chunk)) +
           (chunks_for(count_, size) - 1) * allocated_bytes(kRowChunkBytes) +
           allocated_bytes(bytes_for(last_room_, size));
  }

  static uint32_t in_chunk(size_t size) {
    return std::min(Numbers, kRowChunkBytes / static_cast<uint32_t>(size));
  }
  static uint32_t chunks_for(uint32_t count, size_t size) {
    const uint32_t each = in_chunk(size);
    return (count + each - 1) / each;
  }

 private:
  using Chunk = std::unique_ptr<uint8_t[]>;

  // For how many blocks the last chunk has room once it has so many. It doubles up to a quarter of a chunk's
  // bytes, then grows by quarters.
  static uint32_t room_from(uint32_t blocks, size_t size) {
    constexpr uint32_t kQuarter = kRowChunkBytes / 4;
    const auto needed = static_cast<uint32_t>((blocks + 1) * size);
    uint32_t bytes = std::max(64U, static_cast<uint32_t>(2 * size));
    while (bytes < needed && bytes < kQuarter) bytes = std::min(2 * bytes, kQuarter);
    if (bytes < needed) bytes = (needed + kQuarter - 1) / kQuarter * kQuarter;
    return std::min(in_chunk(size), bytes / static_cast<uint32_t>(size));
  }
  static size_t bytes_for(uint32_t room, size_t size) {
    return room == in_chunk(size) ? kRowChunkBytes : room * size;
  }
  static Chunk make_chunk(uint32_t room, size_t size) {
    return std::make_unique_for_overwrite<uint8_t[]>(bytes_for(room, size));
  }

  void resize(uint32_t room, uint32_t used) {
    auto resized = room == 0 ? nullptr : std::make_unique<Chunk[]>(room);
    std::move(chunks_.get(), chunks_.get() + used, resized.get());
    chunks_ = std::move(resized);
    room_ = room;
  }
  void resize_last(uint32_t last, uint32_t used, uint32_t room, size_t size) {
    Chunk resized = make_chunk(room, size);
    std::memcpy(resized.get(), chunks_[last].get(), used * size);
    chunks_[last] = std::move(resized);
    last_room_ = room;
  }

  std::unique_ptr<Chunk[]> chunks_;  // all full-sized but the last
  uint32_t count_ = 0;
  uint32_t room_ : 24 = 0;      // for chunks
  uint32_t last_room_ : 8 = 0;  // blocks the last chunk can hold
};

// What all pools of a table have together, in bytes of blocks.
struct PoolUse {
  uint32_t blocks = 0;  // with the idle ones
  uint32_t idle = 0;
};

// Blocks that are added and removed in any order. Freed ones are used again. When many are idle the owner
// compacts: the last blocks move into idle places before them, some at a time, and the row is cut. Meanwhile
// the pool is used as ever. `size` and `use` are the same in all calls. A pointer is valid until the next
// add().
class BlockPool {
 public:
  uint8_t* at(uint32_t block, size_t size) { return row_.at(block, size); }
  const uint8_t* at(uint32_t block, size_t size) const { return row_.at(block, size); }

  // A block with arbitrary content, of at least 4 bytes; never one that leaves.
  uint32_t add(size_t size, PoolUse& use) {
    if (first_idle_ == kNone && limit_ != kNone) find_idle(size);
    if (first_idle_ == kNone) {
      use.blocks += static_cast<uint32_t>(size);
      return row_.push_back(size);
    }
    use.idle -= static_cast<uint32_t>(size);
    --idle_;
    return take(first_idle_, size);
  }

  // Idle blocks are chained through their first bytes.
  void remove(uint32_t block, size_t size, PoolUse& use) {
    use.idle += static_cast<uint32_t>(size);
    ++idle_;
    put(block, size);
  }

  // Compaction: begin_leaving(); then sort_idle() until it is true; then the owner moves each block that
  // is_leaving(), by add() and remove(); then it calls end_leaving(). If blocks are added so quickly that the
  // idle ones do not suffice, none leave any more, and the row stays as long as it is.
  void begin_leaving(size_t size) {
    if (idle_ == 0) return;
    const uint32_t leaving = std::min(idle_, kChunksLeavingMax * Row::in_chunk(size));
    limit_ = Row::number_of(row_.count() - leaving, size);
    first_unsorted_ = std::exchange(first_idle_, kNone);
  }
  bool sort_idle(size_t size, WorkBound& bound) {
    for (; first_unsorted_ != kNone; ++bound.records) {
      if (bound.reached()) return false;
      put(take(first_unsorted_, size), size);
    }
    return true;
  }
  bool is_leaving(uint32_t block) const { return block >= limit_; }
  // Returns how many chunks have been freed, perhaps one less.
  uint32_t end_leaving(size_t size, PoolUse& use) {
    if (limit_ == kNone) return 0;
    const uint32_t staying = Row::place_of(limit_, size);
    const uint32_t left = left_;
    if (staying + left != row_.count()) {
      stay(size);
      return 0;
    }
    row_.cut(staying, size);
    use.blocks -= left * static_cast<uint32_t>(size);
    use.idle -= left * static_cast<uint32_t>(size);
    idle_ -= left;
    left_ = 0;
    first_left_ = limit_ = kNone;
    return Row::chunks_for(left, size);
  }

  size_t bytes(size_t size) const { return row_.bytes(size); }

 private:
  using Row = BlockRow<128>;

  static constexpr uint32_t kNone = UINT32_MAX;
  // Idle blocks that an add() looks at for one that does not leave.
  static constexpr uint32_t kLookedAtMax = 256;
  // They are freed at once.
  static constexpr uint32_t kChunksLeavingMax = 1024;

  void put(uint32_t block, size_t size) {
    uint32_t& first = block < limit_ ? first_idle_ : first_left_;
    if (block >= limit_ && left_++ == 0) last_left_ = block;
    std::memcpy(at(block, size), &first, sizeof first);
    first = block;
  }
  uint32_t take(uint32_t& first, size_t size) {
    const uint32_t block = first;
    std::memcpy(&first, at(block, size), sizeof first);
    return block;
  }
  void find_idle(size_t size) {
    for (uint32_t i = 0; i < kLookedAtMax && first_idle_ == kNone && first_unsorted_ != kNone; ++i) {
      put(take(first_unsorted_, size), size);
    }
    if (first_idle_ == kNone) stay(size);
  }
  // None leave any more. Of the chains of other idle blocks one is empty.
  void stay(size_t size) {
    const uint32_t others = first_idle_ != kNone ? first_idle_ : first_unsorted_;
    if (left_ > 0) std::memcpy(at(last_left_, size), &others, sizeof others);
    first_idle_ = left_ > 0 ? first_left_ : others;
    left_ = 0;
    first_unsorted_ = first_left_ = limit_ = kNone;
  }

  Row row_;
  uint32_t idle_ = 0;
  uint32_t first_idle_ = kNone;
  uint32_t limit_ = kNone;           // blocks from here on leave
  uint32_t first_unsorted_ = kNone;  // idle blocks, some of which leave
  uint32_t first_left_ = kNone;      // idle blocks that leave
  uint32_t last_left_ = 0;
  uint32_t left_ = 0;  // how many these are
};

}  // namespace shoal::node
