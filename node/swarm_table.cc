#include "node/swarm_table.h"

#include "common/check.h"

namespace shoal::node {

using common::InfoHash;

const SwarmEntry* SwarmTable::find(uint64_t hash, const InfoHash& info_hash) const {
  if (index_.empty()) return nullptr;
  const uint32_t tag = tag_of(hash);
  for (size_t at = home_of(hash, index_.size()); index_[at] != kFree;
       at = at + 1 == index_.size() ? 0 : at + 1) {
    if ((index_[at] & ~kNumberMask) != tag) continue;
    const SwarmEntry& entry = entries_[index_[at] & kNumberMask];
    if (entry.info_hash == info_hash) return &entry;
  }
  return nullptr;
}

void SwarmTable::prefetch_entry(uint64_t hash) const {
  if (index_.empty()) return;
  const uint32_t tag = tag_of(hash);
  for (size_t at = home_of(hash, index_.size()); index_[at] != kFree;
       at = at + 1 == index_.size() ? 0 : at + 1) {
    if ((index_[at] & ~kNumberMask) != tag) continue;
    const auto* entry = reinterpret_cast<const char*>(&entries_[index_[at] & kNumberMask]);
    __builtin_prefetch(entry);
    __builtin_prefetch(entry + sizeof(SwarmEntry) - 1);
    return;
  }
}

SwarmEntry& SwarmTable::insert(uint64_t hash, const InfoHash& info_hash) {
  CHECK_INVARIANT(entries_.size() < kNumberMask);
  // At most four fifths full: short probes at five bytes a swarm.
  if ((entries_.size() + 1) * 5 > index_.size() * 4) rebuild_index(index_.size() + index_.size() / 4 + 8);
  grow_for_one(entries_, 16, 2);
  entries_.emplace_back().info_hash = info_hash;
  put(hash, static_cast<uint32_t>(entries_.size() - 1));
  return entries_.back();
}

void SwarmTable::put(uint64_t hash, uint32_t number) {
  size_t at = home_of(hash, index_.size());
  while (index_[at] != kFree) at = at + 1 == index_.size() ? 0 : at + 1;
  index_[at] = tag_of(hash) | number;
}

size_t SwarmTable::slot_of(uint64_t hash, uint32_t number) const {
  size_t at = home_of(hash, index_.size());
  while ((index_[at] & kNumberMask) != number) {
    CHECK_INVARIANT(index_[at] != kFree);
    at = at + 1 == index_.size() ? 0 : at + 1;
  }
  return at;
}

void SwarmTable::remove(uint64_t hash, const SwarmEntry& entry) {
  const auto number = static_cast<uint32_t>(&entry - entries_.data());
  const auto last = static_cast<uint32_t>(entries_.size() - 1);
  size_t hole = slot_of(hash, number);
  if (number != last) {
    const uint64_t last_hash = hash_of(entries_[last]);
    index_[slot_of(last_hash, last)] = tag_of(last_hash) | number;
    entries_[number] = entries_[last];
  }
  entries_.pop_back();
  // Linear probing without tombstones: what follows the hole moves up unless that would put it before its
  // home.
  const size_t size = index_.size();
  for (size_t at = (hole + 1) % size; index_[at] != kFree; at = (at + 1) % size) {
    const size_t home = home_of(hash_of(entries_[index_[at] & kNumberMask]), size);
    if ((at + size - home) % size < (at + size - hole) % size) continue;
    index_[hole] = index_[at];
    hole = at;
  }
  index_[hole] = kFree;
}

void SwarmTable::compact() {
  shrink_if_sparse(entries_, 4);
  if (index_.size() > 16 && entries_.size() * 5 < index_.size() * 2)
    rebuild_index(entries_.size() * 3 / 2 + 8);
}

void SwarmTable::rebuild_index(size_t size) {
  index_ = std::vector<uint32_t>(size, kFree);
  index_base_.store(reinterpret_cast<uintptr_t>(index_.data()), std::memory_order_relaxed);
  index_size_.store(size, std::memory_order_relaxed);
  for (uint32_t i = 0; i < entries_.size(); ++i) put(hash_of(entries_[i]), i);
}

}  // namespace shoal::node
