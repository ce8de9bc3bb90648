#include "sync/told_hashes.h"

#include <algorithm>

#include "common/bytes.h"

namespace shoal::sync {

void ToldHashes::settle(int64_t now_us) {
  for (; !marks_.empty() && now_us - marks_.front().us >= kSettleUs; marks_.pop_front()) {
    settled_ = marks_.front().next;
  }
  // What was told was told when this was called last, or before.
  if (now_us - called_us_ >= kSettleUs) settled_ = next_;
  called_us_ = now_us;
  if (marks_.empty() || (marks_.back().next != next_ && now_us - marks_.back().us >= kMarkUs)) {
    marks_.push_back({now_us, next_});
  }
}

ToldHashes::Place ToldHashes::place_of(const common::InfoHash& info_hash) const {
  const uint64_t hash = common::siphash(key_, info_hash.bytes);
  return {static_cast<size_t>(hash % kSets) * kWays, hash & ~kNumberMask};
}

bool ToldHashes::is(uint64_t entry, uint64_t tag, const common::InfoHash& info_hash) const {
  const uint64_t number = entry & kNumberMask;
  return number != 0 && (entry & ~kNumberMask) == tag && number + reach_ >= next_ &&
         hashes_[place_of(number)] == info_hash;
}

uint64_t ToldHashes::number_of(const common::InfoHash& info_hash) const {
  if (index_.empty()) return 0;
  const Place place = place_of(info_hash);
  for (size_t i = place.set; i < place.set + kWays; ++i) {
    if (!is(index_[i], place.tag, info_hash)) continue;
    const uint64_t number = index_[i] & kNumberMask;
    return number < settled_ ? number : 0;
  }
  return 0;
}

void ToldHashes::tell(const common::InfoHash& info_hash) {
  if (index_.empty()) index_.resize(kSets * kWays);
  const Place place = place_of(info_hash);
  size_t oldest = place.set;
  bool known = false;
  for (size_t i = place.set; i < place.set + kWays; ++i) {
    known = known || is(index_[i], place.tag, info_hash);
    if ((index_[i] & kNumberMask) < (index_[oldest] & kNumberMask)) oldest = i;
  }
  // Told again before it was settled, it keeps its first number: else it would never settle.
  if (!known) index_[oldest] = place.tag | next_;
  if (hashes_.size() < kKept) {
    hashes_.push_back(info_hash);
  } else {
    hashes_[place_of(next_)] = info_hash;
  }
  ++next_;
}

}  // namespace shoal::sync
