// DigestTable: the digests of a store's cells (proto/record_digest.h), updated with every change of a record.
//
// Any thread; the store's shards write to it under their own locks. A reader that runs beside writers sees
// some of their changes and not others.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "node/os/pages.h"
#include "proto/record_digest.h"
#include "sync/swarms.h"

namespace shoal::node {

class DigestTable {
 public:
  // Adds a record with this hash to its cell, or removes it.
  void toggle(size_t bucket, common::Stamp stamp, uint64_t hash) {
    if (!used_[bucket].load(std::memory_order_relaxed)) used_[bucket].store(true, std::memory_order_relaxed);
    cell(bucket, stamp).fetch_xor(hash, std::memory_order_relaxed);
  }

  sync::StampDigests stamp_digests() const {
    sync::StampDigests sums{};
    for (size_t bucket = 0; bucket < used_.size(); ++bucket) {
      if (!used_[bucket].load(std::memory_order_relaxed)) continue;
      for (size_t stamp = 0; stamp < sums.size(); ++stamp) {
        sums[stamp] ^= cell(bucket, stamp).load(std::memory_order_relaxed);
      }
    }
    return sums;
  }

  sync::BucketDigests bucket_digests(common::Stamp stamp) const {
    sync::BucketDigests out{};
    for (size_t bucket = 0; bucket < out.size(); ++bucket) {
      if (!used_[bucket].load(std::memory_order_relaxed)) continue;
      out[bucket] = cell(bucket, stamp).load(std::memory_order_relaxed);
    }
    return out;
  }

  static constexpr size_t bytes() { return kCells * sizeof(uint64_t); }

 private:
  static constexpr size_t kCells = proto::kDigestBuckets * proto::kDigestStamps;

  std::atomic_ref<uint64_t> cell(size_t bucket, size_t stamp) const {
    return std::atomic_ref(cells_[bucket * proto::kDigestStamps + stamp]);
  }

  const Pages<uint64_t> cells_{kCells};
  // True once a record was in the bucket. Unused buckets are skipped: on a small tracker that is most of
  // them.
  std::array<std::atomic<bool>, proto::kDigestBuckets> used_{};
};

}  // namespace shoal::node
