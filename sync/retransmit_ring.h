// RetransmitRing: the delta packets this node has sent recently, for members that missed them. They are kept
// sealed, and sealed again when the sealing key changes. Bounded in time, bytes and count.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "sync/seal.h"

namespace shoal::sync {

class RetransmitRing {
 public:
  static constexpr int64_t kKeepUs = 30'000'000;
  static constexpr size_t kBytesMax = 64 << 20;
  static constexpr size_t kPacketsMax = 65'536;

  struct Entry {
    SealedPacket packet;
    int64_t sent_us = 0;
    uint64_t resent_to = 0;  // member id; 0: not resent
    int64_t resent_us = 0;
  };

  // To be called in the order of sequences, without gaps.
  void add(uint64_t sequence, SealedPacket packet, int64_t now_us);

  void forget_old(int64_t now_us);

  // The oldest sequence kept; if nothing is kept, the next one.
  uint64_t first() const { return first_; }
  uint64_t next() const { return first_ + entries_.size(); }
  size_t bytes() const { return bytes_; }

  // Null: not kept any more, or never sent.
  Entry* find(uint64_t sequence);

  // Seals everything again, so that it opens for members that hold only the current keys. `opens` has the
  // keys it was sealed with.
  void reseal(const KeyRing& opens, const SealingKey& key);

  void clear();

 private:
  void drop_first();

  std::deque<Entry> entries_;
  uint64_t first_ = 1;
  size_t bytes_ = 0;
};

}  // namespace shoal::sync
