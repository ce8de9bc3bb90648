// VainDifferences: differences that have been pulled for. Where one is still seen, it is the other side that
// lacks something. The digest of a difference is the same wherever the same records are missing, so no member
// is pulled from for it again.

#pragma once

#include <cstdint>
#include <set>
#include <span>

#include "common/tick.h"

namespace shoal::sync {

// What differs in one cell, or over all buckets of a tick.
struct Difference {
  static constexpr uint32_t kAllBuckets = UINT32_MAX;

  common::Tick tick = 0;
  uint32_t bucket = kAllBuckets;
  uint64_t digest = 0;  // theirs XOR ours
  auto operator<=>(const Difference&) const = default;
};

class VainDifferences {
 public:
  // More than this: all are forgotten, and may be pulled for once more.
  static constexpr size_t kMax = 4096;

  void add(std::span<const Difference> differences) {
    if (known_.size() + differences.size() > kMax) known_.clear();
    for (const Difference& one : differences) {
      if (known_.size() < kMax) known_.insert(one);
    }
  }

  void clear() { known_.clear(); }

  bool contains(const Difference& one) const { return known_.contains(one); }

  // Ticks before this are not compared any more.
  void forget_before(common::Tick tick) { known_.erase(known_.begin(), known_.lower_bound({tick, 0, 0})); }

 private:
  std::set<Difference> known_;
};

}  // namespace shoal::sync
