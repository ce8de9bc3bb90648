#include "sync/heard_hashes.h"

namespace shoal::sync {

void HeardHashes::share_with(size_t origins) {
  most_ = most(origins);
  while (window_.size() > most_) {
    window_.pop_front();
    ++first_;
  }
}

void HeardHashes::learn(uint64_t number, const common::InfoHash& info_hash) {
  if (window_.empty()) first_ = number;
  uint64_t end = first_ + window_.size();
  if (number >= end && number - end >= most_) {  // nothing of the window stays
    window_.clear();
    first_ = end = number;
  }
  for (; end <= number; ++end) {
    window_.emplace_back();
    if (window_.size() <= most_) continue;
    window_.pop_front();
    ++first_;
  }
  if (end - number > most_) return;
  for (; first_ > number; --first_) window_.emplace_front();
  window_[static_cast<size_t>(number - first_)] = info_hash;
}

const common::InfoHash* HeardHashes::find(uint64_t number) const {
  if (number < first_ || number - first_ >= window_.size()) return nullptr;
  const Place& place = window_[static_cast<size_t>(number - first_)];
  return place ? &*place : nullptr;
}

}  // namespace shoal::sync
