#include "sync/retransmit_ring.h"

#include <utility>

#include "common/check.h"

namespace shoal::sync {

void RetransmitRing::add(uint64_t sequence, SealedPacket packet, int64_t now_us) {
  CHECK_INVARIANT(sequence == next());
  forget_old(now_us);
  bytes_ += packet->size();
  entries_.push_back({std::move(packet), now_us, 0, 0});
  while (bytes_ > kBytesMax || entries_.size() > kPacketsMax) drop_first();
}

void RetransmitRing::forget_old(int64_t now_us) {
  while (!entries_.empty() && now_us - entries_.front().sent_us > kKeepUs) drop_first();
}

void RetransmitRing::drop_first() {
  bytes_ -= entries_.front().packet->size();
  entries_.pop_front();
  ++first_;
}

RetransmitRing::Entry* RetransmitRing::find(uint64_t sequence) {
  if (sequence < first_ || sequence >= next()) return nullptr;
  return &entries_[sequence - first_];
}

void RetransmitRing::reseal(const KeyRing& opens, const SealingKey& key) {
  for (Entry& entry : entries_) {
    entry.packet = sync::reseal(entry.packet, opens, key);
    entry.resent_to = 0;  // it may be unable to open that copy
  }
}

void RetransmitRing::clear() {
  while (!entries_.empty()) drop_first();
}

}  // namespace shoal::sync
