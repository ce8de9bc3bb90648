#include "node/store/swarm_table.h"

#include "common/check.h"

namespace shoal::node {

using common::InfoHash;

// The first number with the hash's tag for which `is` is true; or SwarmRef::kUnknown.
template <class Is>
uint32_t SwarmTable::find_in(const Index& index, uint64_t hash, Is is) {
  if (index.empty()) return SwarmRef::kUnknown;
  const uint32_t tag = tag_of(hash);
  for (size_t at = home_slot(hash, index.size()); index[at] != kFree; at = next(index, at)) {
    if ((index[at] & ~kNumberMask) != tag || index[at] == kGone) continue;
    const uint32_t number = index[at] & kNumberMask;
    if (is(number)) return number;
  }
  return SwarmRef::kUnknown;
}

const SwarmEntry* SwarmTable::find(SwarmRef ref, const InfoHash& info_hash) const {
  if (ref.likely < size() && (*this)[ref.likely].info_hash == info_hash) return &(*this)[ref.likely];
  const auto is = [&](uint32_t number) { return (*this)[number].info_hash == info_hash; };
  uint32_t number = find_in(index_, ref.hash, is);
  if (number == SwarmRef::kUnknown && move_ != nullptr) number = find_in(move_->old, ref.hash, is);
  return number == SwarmRef::kUnknown ? nullptr : &(*this)[number];
}

uint32_t SwarmTable::likely_number(uint64_t hash) const {
  const auto is = [](uint32_t) { return true; };
  const uint32_t number = find_in(index_, hash, is);
  return number != SwarmRef::kUnknown || move_ == nullptr ? number : find_in(move_->old, hash, is);
}

SwarmEntry& SwarmTable::insert(uint64_t hash, const InfoHash& info_hash, bool web) {
  const uint32_t number = size();
  CHECK_INVARIANT(number < kSwarmsMax);
  // At most four fifths full: short probes at five bytes a swarm.
  if ((number + 1) * size_t{5} > index_.size() * 4) {
    begin_move(index_.size() + index_.size() / (index_.size() < kSmallIndex ? 2 : 4) + 8);
  }
  if (move_ != nullptr) move(kMoveStep);
  entries_.push_back(sizeof(SwarmEntry));
  SwarmEntry& entry = (*this)[number];
  entry = SwarmEntry{};
  entry.info_hash = info_hash;
  entry.web = web ? 1 : 0;
  put(hash, number);
  return entry;
}

void SwarmTable::put(uint64_t hash, uint32_t number) {
  size_t at = home_slot(hash, index_.size());
  while (index_[at] != kFree) at = next(index_, at);
  index_[at] = tag_of(hash) | number;
}

uint32_t* SwarmTable::slot_in(Index& index, uint64_t hash, uint32_t number) {
  const uint32_t wanted = tag_of(hash) | number;
  size_t at = home_slot(hash, index.size());
  while (index[at] != wanted && index[at] != kFree) at = next(index, at);
  return index[at] == kFree ? nullptr : &index[at];
}

uint32_t* SwarmTable::slot_in(Index& index, uint64_t hash, const SwarmEntry& entry) {
  size_t at = home_slot(hash, index.size());
  const auto is = [&](uint32_t slot) { return slot != kGone && &(*this)[slot & kNumberMask] == &entry; };
  while (index[at] != kFree && !is(index[at])) at = next(index, at);
  return index[at] == kFree ? nullptr : &index[at];
}

void SwarmTable::make_pair(uint64_t hash, SwarmEntry& entry) {
  const uint32_t* slot = slot_in(index_, hash, entry);
  if (slot == nullptr && move_ != nullptr) slot = slot_in(move_->old, hash, entry);
  CHECK_INVARIANT(slot != nullptr);
  const uint32_t number = pairs_.push_back(sizeof(SwarmPair));
  pair(number) = {entry.v6 != 0 ? PeerSet{} : entry.peers, entry.v6 != 0 ? entry.peers : PeerSet{},
                  *slot & kNumberMask};
  entry.peers = {};
  entry.peers.number = number;
  entry.peers.form = SwarmEntry::kPair;
}

// The last pair moves into the hole.
void SwarmTable::settle_pair(SwarmEntry& entry) {
  const uint32_t number = entry.peers.number;
  SwarmPair& undone = pair(number);
  if (!undone.v4.empty() && !undone.v6.empty()) return;
  entry.v6 = undone.v4.empty() ? 1 : 0;
  entry.peers = undone.v4.empty() ? undone.v6 : undone.v4;
  const SwarmPair& last = pair(pairs_.number_of(pairs_.count() - 1, sizeof(SwarmPair)));
  if (&undone != &last) {
    undone = last;
    (*this)[undone.entry].peers.number = number;
  }
  pairs_.pop_back(sizeof(SwarmPair));
}

void SwarmTable::remove(uint64_t hash, const SwarmEntry& entry) {
  CHECK_INVARIANT(entry.peers.empty());
  uint32_t* const slot = slot_in(index_, hash, entry);
  uint32_t* const old_slot = slot == nullptr && move_ != nullptr ? slot_in(move_->old, hash, entry) : nullptr;
  CHECK_INVARIANT(slot != nullptr || old_slot != nullptr);
  const uint32_t number = (slot != nullptr ? *slot : *old_slot) & kNumberMask;
  if (old_slot != nullptr) *old_slot = kGone;

  const uint32_t last_number = size() - 1;
  if (number != last_number) {
    const SwarmEntry& last = (*this)[last_number];
    const uint64_t last_hash = hash_of(last);
    if (uint32_t* of_last = slot_in(index_, last_hash, last_number)) {
      *of_last = tag_of(last_hash) | number;
    } else {
      CHECK_INVARIANT(move_ != nullptr);
      of_last = slot_in(move_->old, last_hash, last_number);
      CHECK_INVARIANT(of_last != nullptr);
      if (number >= move_->next) {
        *of_last = tag_of(last_hash) | number;
      } else {
        // Numbers below `next` have been moved: it would be skipped.
        *of_last = kGone;
        put(last_hash, number);
      }
    }
    (*this)[number] = last;
    if (last.has_pair()) pair(last.peers.number).entry = number;
  }
  entries_.pop_back(sizeof(SwarmEntry));
  if (slot != nullptr) close_gap(static_cast<size_t>(slot - index_.data()));
}

// Linear probing without tombstones: what follows the hole moves up unless that would put it before its home.
void SwarmTable::close_gap(size_t hole) {
  const size_t slots = index_.size();
  for (size_t at = next(index_, hole); index_[at] != kFree; at = next(index_, at)) {
    const size_t home = home_slot(hash_of((*this)[index_[at] & kNumberMask]), slots);
    if ((at + slots - home) % slots < (at + slots - hole) % slots) continue;
    index_[hole] = index_[at];
    hole = at;
  }
  index_[hole] = kFree;
}

bool SwarmTable::compact(WorkBound& bound) {
  if (size() == 0) {
    move_.reset();
    index_ = Index();
    place_.set(nullptr, 0);
    return true;
  }
  if (move_ == nullptr && index_.size() > 16 && size() * size_t{5} < index_.size() * 2) {
    begin_move(size() * size_t{3} / 2 + 8);
  }
  while (move_ != nullptr && !bound.reached()) {
    bound.records += kMoveStep;
    move(kMoveStep);
  }
  return move_ == nullptr;
}

void SwarmTable::begin_move(size_t slots) {
  if (move_ != nullptr) move(size());  // growth by a quarter takes more inserts than a move does
  Index fresh(slots, kFree);
  if (!index_.empty()) move_ = std::make_unique<Move>(Move{std::move(index_), 0, size()});
  index_ = std::move(fresh);
  place_.set(index_.data(), slots);
}

void SwarmTable::move(uint32_t entries) {
  for (; entries > 0 && left_to_move() > 0; --entries) {
    const uint32_t number = move_->next++;
    const uint64_t hash = hash_of((*this)[number]);
    uint32_t* slot = slot_in(move_->old, hash, number);
    if (slot == nullptr) continue;  // a later entry, with the number of a removed one
    *slot = kGone;
    put(hash, number);
  }
  if (left_to_move() == 0) move_.reset();
}

}  // namespace shoal::node
