// BlockPool: blocks of one size in one array, so that a small block costs no allocator header and no
// rounding. Blocks are named by number; the array moves when it grows, so a pointer is good only until the
// next add().
//
// Freed blocks are used again. When too many lie idle, the owner of all blocks copies them into a fresh pool
// (wants_rebuild). One thread at a time; no class invariant spans two pools.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "node/allocated.h"

namespace shoal::node {

class BlockPool {
 public:
  uint8_t* at(uint32_t block, size_t size) { return bytes_.data() + block * size; }
  const uint8_t* at(uint32_t block, size_t size) const { return bytes_.data() + block * size; }

  // A block with arbitrary content. `size` is the same in all calls on one pool, at least 4.
  uint32_t add(size_t size) {
    if (idle_ > 0) {
      const uint32_t block = first_idle_;
      std::memcpy(&first_idle_, at(block, size), sizeof first_idle_);
      --idle_;
      return block;
    }
    const size_t used = bytes_.size();
    if (used == bytes_.capacity()) {
      const size_t blocks = used / size;
      bytes_.reserve((blocks + std::max<size_t>(blocks / 16, 1)) * size);
    }
    bytes_.resize(used + size);
    return static_cast<uint32_t>(used / size);
  }

  // Idle blocks are chained through their first bytes.
  void remove(uint32_t block, size_t size) {
    std::memcpy(at(block, size), &first_idle_, sizeof first_idle_);
    first_idle_ = block;
    ++idle_;
  }

  bool wants_rebuild(size_t size) const { return idle_ * size * 4 > bytes_.size(); }
  void reserve(size_t blocks, size_t size) { bytes_.reserve(blocks * size); }
  size_t used(size_t size) const { return bytes_.size() / size - idle_; }
  size_t bytes() const { return allocated_bytes(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
  uint32_t first_idle_ = 0;
  uint32_t idle_ = 0;
};

}  // namespace shoal::node
