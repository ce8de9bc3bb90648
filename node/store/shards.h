// Shards: the shards of one store, in one array, so that finding one takes no pointer. Each is made when it
// is first written to: the shards of an idle node take no memory, those of a small one a page each. To a
// reader one that is not made yet is an empty one.
//
// Once many are made, the array goes on huge pages where possible: every announce goes to another shard.
// Any thread.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "node/os/heap_pages.h"
#include "node/os/mutex.h"
#include "node/os/pages.h"
#include "node/store/swarm_shard.h"
#include "node/store/swarm_table.h"

namespace shoal::node {

class Shards {
 public:
  static constexpr size_t kCount = size_t{1} << 10;
  // Once all are made.
  static constexpr size_t kBytes =
      (kCount * sizeof(SwarmShard) + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
  // When this many are made.
  static constexpr size_t kHugeFrom = 128;

  // `config` outlives the object.
  explicit Shards(const ShardConfig& config);
  ~Shards();
  Shards(const Shards&) = delete;
  Shards& operator=(const Shards&) = delete;

  // The shard, to write to.
  SwarmShard& operator[](size_t number) {
    if (!is_made(number)) [[unlikely]]
      make(number);
    return shards_[number];
  }
  // The shard, or null: nothing has ever been in it.
  SwarmShard* find(size_t number) const { return is_made(number) ? shards_ + number : nullptr; }
  // One that is made.
  SwarmShard& made(size_t number) const { return shards_[number]; }

  // Start to load what every call reads first; what a swarm's place is read from.
  void prefetch(size_t number) const { shards_[number].prefetch(); }
  const IndexPlace& index_place(size_t number) const { return index_places_[number]; }

 private:
  bool is_made(size_t number) const { return made_[number].load(std::memory_order_acquire); }
  void make(size_t number);

  const ShardConfig& config_;
  const bool huge_ = huge_pages_allowed();
  std::array<IndexPlace, kCount> index_places_;
  const Pages<std::byte> room_{kBytes + kHugePageBytes};
  SwarmShard* const shards_;  // the first multiple of a huge page in it
  std::array<std::atomic<bool>, kCount> made_{};
  Mutex making_;
  size_t count_ GUARDED_BY(making_) = 0;
};

}  // namespace shoal::node
