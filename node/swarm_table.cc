#include "node/swarm_table.h"

#include "common/check.h"

namespace shoal::node {

using common::InfoHash;

const SwarmEntry* SwarmTable::find(uint64_t hash, const InfoHash& info_hash) const {
  if (index_.empty()) return nullptr;
  const uint32_t tag = tag_of(hash);
  for (size_t at = home_slot(hash, index_.size()); index_[at] != kFree; at = next(at)) {
    if ((index_[at] & ~kNumberMask) != tag) continue;
    const SwarmEntry& entry = (*this)[index_[at] & kNumberMask];
    if (entry.info_hash == info_hash) return &entry;
  }
  return nullptr;
}

const SwarmEntry* SwarmTable::likely_entry(uint64_t hash) const {
  if (index_.empty()) return nullptr;
  const uint32_t tag = tag_of(hash);
  for (size_t at = home_slot(hash, index_.size()); index_[at] != kFree; at = next(at)) {
    if ((index_[at] & ~kNumberMask) == tag) return &(*this)[index_[at] & kNumberMask];
  }
  return nullptr;
}

SwarmEntry& SwarmTable::insert(uint64_t hash, const InfoHash& info_hash) {
  const uint32_t number = size();
  CHECK_INVARIANT(number < kSwarmsMax);
  // At most four fifths full: short probes at five bytes a swarm.
  if ((number + 1) * size_t{5} > index_.size() * 4) rebuild_index(index_.size() + index_.size() / 4 + 8);
  entries_.push_back(sizeof(SwarmEntry));
  SwarmEntry& entry = (*this)[number];
  entry = SwarmEntry{};
  entry.info_hash = info_hash;
  put(hash, number);
  return entry;
}

void SwarmTable::put(uint64_t hash, uint32_t number) {
  size_t at = home_slot(hash, index_.size());
  while (index_[at] != kFree) at = next(at);
  index_[at] = tag_of(hash) | number;
}

size_t SwarmTable::slot_of(uint64_t hash, const SwarmEntry& entry) const {
  size_t at = home_slot(hash, index_.size());
  while (index_[at] == kFree || &(*this)[index_[at] & kNumberMask] != &entry) {
    CHECK_INVARIANT(index_[at] != kFree);
    at = next(at);
  }
  return at;
}

void SwarmTable::remove(uint64_t hash, const SwarmEntry& entry) {
  size_t hole = slot_of(hash, entry);
  const uint32_t number = index_[hole] & kNumberMask;
  SwarmEntry& last = (*this)[size() - 1];
  if (&last != &entry) {
    const uint64_t last_hash = hash_of(last);
    index_[slot_of(last_hash, last)] = tag_of(last_hash) | number;
    (*this)[number] = last;
  }
  entries_.pop_back(sizeof(SwarmEntry));
  // Linear probing without tombstones: what follows the hole moves up unless that would put it before its
  // home.
  const size_t slots = index_.size();
  for (size_t at = next(hole); index_[at] != kFree; at = next(at)) {
    const size_t home = home_slot(hash_of((*this)[index_[at] & kNumberMask]), slots);
    if ((at + slots - home) % slots < (at + slots - hole) % slots) continue;
    index_[hole] = index_[at];
    hole = at;
  }
  index_[hole] = kFree;
}

void SwarmTable::compact() {
  if (size() == 0) {
    if (!index_.empty()) rebuild_index(0);
  } else if (index_.size() > 16 && size() * size_t{5} < index_.size() * 2) {
    rebuild_index(size() * size_t{3} / 2 + 8);
  }
}

void SwarmTable::rebuild_index(size_t slots) {
  index_ = std::vector<uint32_t>(slots, kFree);
  place_.set(index_.data(), slots);
  for (uint32_t i = 0; i < size(); ++i) put(hash_of((*this)[i]), i);
}

}  // namespace shoal::node
