// AccessLog: the run-time changes of the access list, one per info_hash: a last-writer-wins map, the same on
// all nodes once they have exchanged it. Pure; the time is an argument.
//
// A change stays forever, even if it agrees with the list's file: the files of two nodes may differ, or
// change.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>

#include "proto/access_change.h"

namespace shoal::sync {

class AccessLog {
 public:
  static constexpr size_t kChangesMax = 100'000;

  // Changes are compared by buckets, by the first byte of the info_hash.
  static constexpr size_t kBuckets = 256;
  using BucketDigests = std::array<uint32_t, kBuckets>;

  // A change stamped later than this after now is of a clock that is wrong, or of a liar. It is not taken
  // from others before its time has come, and what replaces it counts as later.
  static constexpr int64_t kAheadMaxMs = 24 * 3'600'000;

  // Adds a change made on this node, stamped later than the one it replaces unless that is too far ahead.
  // Nothing: the log is full.
  std::optional<proto::AccessChange> change(const common::InfoHash& hash, bool listed, int64_t unix_ms,
                                            uint64_t node_id);

  enum class Merged : uint8_t { news, known, full, ahead };
  // Adds a change of another node, unless it is older than the one known.
  Merged merge(const proto::AccessChange& change, int64_t unix_ms);
  // The same of a change from a file, whenever it was made.
  Merged restore(const proto::AccessChange& change) { return merge_after(change, std::nullopt); }

  size_t size() const { return entries_.size(); }

  // Equal on two nodes that hold the same changes, and almost certainly different otherwise; 0 for none.
  uint32_t digest() const;
  BucketDigests bucket_digests() const;

  // By info_hash ascending.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [hash, value] : entries_) visit(proto::AccessChange{hash, value.listed, value.stamp});
  }

  // Those of one bucket, until `visit` returns false.
  template <class Visit>
  void for_bucket(size_t bucket, Visit visit) const {
    common::InfoHash first;
    first.bytes[0] = static_cast<uint8_t>(bucket);
    for (auto at = entries_.lower_bound(first); at != entries_.end() && at->first.bytes[0] == bucket; ++at) {
      if (!visit(proto::AccessChange{at->first, at->second.listed, at->second.stamp})) return;
    }
  }

 private:
  struct Value {
    bool listed = false;
    proto::AccessStamp stamp;
  };

  // Replaces one that is later only if that is stamped after `believed_ms`.
  Merged merge_after(const proto::AccessChange& change, std::optional<int64_t> believed_ms);
  void put(const common::InfoHash& hash, const Value& value);

  std::map<common::InfoHash, Value> entries_;
  std::array<uint64_t, kBuckets> digests_{};
};

}  // namespace shoal::sync
