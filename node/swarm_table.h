// SwarmTable: the swarms of one shard: their entries dense in one array, and an index from hash to entry. A
// lookup costs a cache miss in the index (4 bytes a swarm, mostly cached) and one in the entry.
//
// Guarded by the shard's lock, but for prefetch(). Entries move when others come and go.

#pragma once

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/info_hash.h"
#include "common/siphash.h"
#include "node/block_pool.h"
#include "node/peer_table.h"

namespace shoal::node {

struct SwarmEntry {
  common::InfoHash info_hash;
  uint32_t completed = 0;
  PeerSet v4;
  PeerSet v6;

  bool empty() const { return v4.empty() && v6.empty(); }
};
static_assert(sizeof(SwarmEntry) == 40);

class SwarmTable {
 public:
  // `key` gave the hashes; it must outlive the table.
  explicit SwarmTable(const common::SipKey& key) : key_(key) {}

  // Null if there is no such swarm. `hash` is that of the info_hash.
  SwarmEntry* find(uint64_t hash, const common::InfoHash& info_hash) {
    return const_cast<SwarmEntry*>(std::as_const(*this).find(hash, info_hash));
  }
  const SwarmEntry* find(uint64_t hash, const common::InfoHash& info_hash) const;

  // The swarm must not be there.
  SwarmEntry& insert(uint64_t hash, const common::InfoHash& info_hash);

  // The last entry takes the place, and the number, of the removed one.
  void remove(uint64_t hash, const SwarmEntry& entry);

  // After many removals.
  void compact();

  // The entries by number; numbers below size().
  uint32_t size() const { return entries_.count(); }
  SwarmEntry& operator[](uint32_t number) {
    return *reinterpret_cast<SwarmEntry*>(entries_.at(number, sizeof(SwarmEntry)));
  }
  const SwarmEntry& operator[](uint32_t number) const {
    return *reinterpret_cast<const SwarmEntry*>(entries_.at(number, sizeof(SwarmEntry)));
  }

  // Without the lock: starts to load the part of the index find() will read. Reads nothing of it, so the
  // index may even be freed meanwhile.
  void prefetch(uint64_t hash) const {
    const uintptr_t base = index_base_.load(std::memory_order_relaxed);
    const uint64_t home = home_of(hash, index_size_.load(std::memory_order_relaxed));
    __builtin_prefetch(reinterpret_cast<const void*>(base + home * sizeof(uint32_t)));
  }

  // With the lock: starts to load the entry, if there seems to be one.
  void prefetch_entry(uint64_t hash) const;

  size_t bytes() const { return entries_.bytes(sizeof(SwarmEntry)) + allocated_bytes(index_); }

 private:
  // A slot of the index: a tag of hash bits and an entry's number.
  static constexpr uint32_t kNumberBits = 22;
  static constexpr uint32_t kNumberMask = (1U << kNumberBits) - 1;
  static constexpr uint32_t kFree = ~0U;

  // The shard is chosen by the top bits; the next ones give the home slot, the lowest the tag.
  static uint64_t home_of(uint64_t hash, uint64_t slots) { return (hash << 10 >> 32) * slots >> 32; }
  static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash) << kNumberBits; }
  uint64_t hash_of(const SwarmEntry& entry) const { return common::siphash(key_, entry.info_hash.bytes); }

  size_t next(size_t slot) const { return slot + 1 == index_.size() ? 0 : slot + 1; }
  size_t slot_of(uint64_t hash, const SwarmEntry& entry) const;
  void rebuild_index(size_t slots);
  void put(uint64_t hash, uint32_t number);

  const common::SipKey& key_;
  BlockRow entries_;
  std::vector<uint32_t> index_;
  std::atomic<uintptr_t> index_base_{0};  // of index_, for prefetch()
  std::atomic<uint64_t> index_size_{0};
};

}  // namespace shoal::node
