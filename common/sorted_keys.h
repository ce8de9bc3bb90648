// SortedKeys: a sorted array of numbers in which a search touches few cache lines: a B-tree without pointers,
// made once. A block has 16 keys: a cache line, or of 8-byte keys two neighbours, which the processor loads
// together; a line of eight would take two levels more. The first key of each block is also in the level
// above, up to a level of one block, and a search reads one block a level. Of a million 4-byte keys all
// levels but the lowest take 270 KB and stay in the cache. Immutable; any number of threads.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace shoal::common {

template <class Key>
class SortedKeys {
 public:
  SortedKeys() = default;

  // The keys ascend.
  explicit SortedKeys(std::span<const Key> keys) {
    if (keys.empty()) return;
    levels_.push_back(blocks_of(keys.size(), [&](size_t i) { return keys[i]; }));
    while (levels_.back().size > kFan) {
      const Level& below = levels_.back();
      levels_.push_back(blocks_of(below.blocks.size(), [&](size_t i) { return below.blocks[i].keys[0]; }));
    }
  }

  size_t size() const { return levels_.empty() ? 0 : levels_.front().size; }

  // The i-th key, i < size().
  Key operator[](size_t i) const { return levels_.front().blocks[i / kFan].keys[i % kFan]; }

  // How many keys are at most `key`.
  size_t rank(Key key) const {
    if (levels_.empty() || key < levels_.front().blocks[0].keys[0]) return 0;
    size_t at = 0;  // the last key at most `key`, in each level
    for (size_t i = levels_.size(); i > 0; --i) {
      const Level& level = levels_[i - 1];
      const Block& block = level.blocks[at];
      size_t count = 0;
      for (const Key one : block.keys) count += one <= key ? 1 : 0;
      at = std::min(at * kFan + count, level.size) - 1;  // what fills the last block up does not count
    }
    return at + 1;
  }

  size_t bytes() const {
    size_t sum = 0;
    for (const Level& level : levels_) sum += level.blocks.capacity() * sizeof(Block);
    return sum;
  }

  bool operator==(const SortedKeys&) const = default;

 private:
  static constexpr size_t kFan = 16;
  struct alignas(kFan * sizeof(Key)) Block {
    std::array<Key, kFan> keys;
    bool operator==(const Block&) const = default;
  };
  struct Level {
    size_t size;  // keys, without those that fill the last block up
    std::vector<Block> blocks;
    bool operator==(const Level&) const = default;
  };

  template <class KeyAt>
  static Level blocks_of(size_t size, KeyAt key_at) {
    Level level{size, std::vector<Block>((size + kFan - 1) / kFan)};
    for (size_t i = 0; i < level.blocks.size() * kFan; ++i) {
      level.blocks[i / kFan].keys[i % kFan] = i < size ? key_at(i) : std::numeric_limits<Key>::max();
    }
    return level;
  }

  std::vector<Level> levels_;  // the lowest first
};

}  // namespace shoal::common
