// ToldHashes: the info_hashes that this node has told the others in full, numbered from 1, so that its deltas
// may name them by number. The last kKept are kept, for those who ask. A number is of one info_hash for good;
// an info_hash may get another.
//
// Bounded: 2.6 MB of info_hashes and an index of 1 MB, which holds what it has room for: what falls out of it
// is told again. The index is by a keyed hash, so nobody can aim at it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <vector>

#include "common/info_hash.h"
#include "common/siphash.h"
#include "sync/heard_hashes.h"

namespace shoal::sync {

class ToldHashes {
 public:
  static constexpr size_t kKept = 131'072;

  // One is not named by number before it was told so long ago: until then the packet that told it, if it was
  // lost, has been asked for and sent again.
  static constexpr int64_t kSettleUs = 1'000'000;

  explicit ToldHashes(const common::SipKey& key) : key_(key) {}

  // So many origins share the memory of a receiver. Each names the half of what a receiver keeps of it, since
  // that may know more origins.
  void share_with(size_t origins) { reach_ = HeardHashes::most(origins) / 2; }

  // To be called before a batch is packed.
  void settle(int64_t now_us);

  // By which it may be named now; 0: it is to be told.
  uint64_t number_of(const common::InfoHash& info_hash) const;

  // It has been told in full, and thus got the number next().
  void tell(const common::InfoHash& info_hash);

  uint64_t next() const { return next_; }
  uint64_t oldest() const { return next_ - hashes_.size(); }

  // Null: not kept any more, or never told.
  const common::InfoHash* find(uint64_t number) const {
    return number < oldest() || number >= next_ ? nullptr : &hashes_[place_of(number)];
  }

 private:
  static constexpr size_t kWays = 8;
  static constexpr size_t kSets = kKept / kWays;
  // Of an entry: a tag of 16 bits, then the number; 0: none.
  static constexpr uint64_t kNumberMask = (uint64_t{1} << 48) - 1;

  // What next_ was at some time, not more often than this.
  static constexpr int64_t kMarkUs = 100'000;
  struct Mark {
    int64_t us;
    uint64_t next;
  };

  struct Place {
    size_t set;  // where it begins
    uint64_t tag;
  };

  static size_t place_of(uint64_t number) { return static_cast<size_t>((number - 1) % kKept); }
  Place place_of(const common::InfoHash& info_hash) const;
  // Within reach, by this entry of the index.
  bool is(uint64_t entry, uint64_t tag, const common::InfoHash& info_hash) const;

  const common::SipKey key_;
  std::vector<common::InfoHash> hashes_;  // a ring, once it is full
  std::vector<uint64_t> index_;           // kSets sets; empty before the first is told
  uint64_t next_ = 1;
  uint64_t reach_ = HeardHashes::most(1) / 2;
  uint64_t settled_ = 1;  // what was told before it may be named
  std::deque<Mark> marks_;
  int64_t called_us_ = std::numeric_limits<int64_t>::min() / 2;
};

}  // namespace shoal::sync
