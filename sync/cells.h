// Cells: a set of cells of the store. A cell is all records of one stamp in one bucket
// (proto/record_digest.h).

#pragma once

#include <bitset>
#include <cstddef>
#include <map>

#include "common/tick.h"
#include "proto/record_digest.h"

namespace shoal::sync {

class Cells {
 public:
  using Buckets = std::bitset<proto::kDigestBuckets>;

  static Cells everything() {
    Cells all;
    all.whole_.set();
    return all;
  }

  // All buckets of the stamp.
  void add(common::Stamp stamp) { whole_.set(stamp); }
  void add(common::Stamp stamp, size_t bucket) {
    some_[stamp].set(bucket);
    touched_.set(bucket);
  }

  // The same cells with every tick later by so many.
  Cells stamped(common::Tick by) const {
    Cells out;
    out.touched_ = touched_;
    for (size_t stamp = 0; stamp < whole_.size(); ++stamp) {
      if (whole_.test(stamp)) out.add(common::stamp_of(static_cast<common::Tick>(stamp) + by));
    }
    for (const auto& [stamp, buckets] : some_) out.some_[common::stamp_of(stamp + by)] = buckets;
    return out;
  }

  bool empty() const { return whole_.none() && some_.empty(); }

  // Whether any cell of the bucket is in the set.
  bool touches(size_t bucket) const { return whole_.any() || touched_.test(bucket); }

  bool contains(common::Stamp stamp, size_t bucket) const {
    if (whole_.test(stamp)) return true;
    const auto found = some_.find(stamp);
    return found != some_.end() && found->second.test(bucket);
  }

 private:
  std::bitset<proto::kDigestStamps> whole_;
  std::map<common::Stamp, Buckets> some_;
  Buckets touched_;
};

}  // namespace shoal::sync
