// ReplicatedTable: changes that any node may make and all nodes hold: a last-writer-wins map, the same on all
// nodes once they have exchanged it. Pure; the time (cluster time) is an argument. `Rules` say what is kept:
// sync/access_log.h, sync/ban_log.h.
//
// What a node has said, or what everybody has, can be taken back: forget_origin() makes void all that was
// said so far, on all nodes, and is kept beside the changes, so that a copy of them that comes back later is
// not taken.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "common/bytes.h"
#include "common/siphash.h"
#include "proto/change_stamp.h"

namespace shoal::sync {

// Rules: types Key, Value, Change (made by make(Key, Value, ChangeStamp), its parts by key(), value() and
// `stamp`); kChangesMax; kAheadMaxMs; uint8_t bucket(Key); uint64_t digest(Change); and kExpires. If that is
// true: int64_t kept_until_ms(Change), until when it is of use, kKeptMaxMs, which is never longer after its
// stamp, and what ends first makes room for others.
template <class Rules>
class ReplicatedTable {
 public:
  using Key = typename Rules::Key;
  using Value = typename Rules::Value;
  using Change = typename Rules::Change;

  static constexpr size_t kChangesMax = Rules::kChangesMax;

  // Changes are compared by buckets.
  static constexpr size_t kBuckets = 256;
  using BucketDigests = std::array<uint32_t, kBuckets>;

  // A change stamped later than this after now is of a clock that is wrong, or of a liar. It is not taken
  // from others before its time has come, and what replaces it counts as later.
  static constexpr int64_t kAheadMaxMs = Rules::kAheadMaxMs;

  // Nodes of which something is forgotten; of more the latest.
  static constexpr size_t kOriginsMax = 64;

  // All nodes drop what is of no more use at the same moments of cluster time, so that they seldom differ.
  static constexpr int64_t kExpiryStepMs = 10'000;

  // Of those that end in one step, this many go at each call of expire(), some milliseconds' work.
  static constexpr size_t kExpiredMax = 5'000;

  // Adds a change made on this node, stamped later than the one it replaces unless that is too far ahead.
  // Nothing: the table is full.
  std::optional<Change> change(const Key& key, const Value& value, int64_t unix_ms, uint64_t node_id) {
    const auto found = entries_.find(slot_of(key));
    proto::ChangeStamp stamp{unix_ms, node_id};
    const auto after = [&](int64_t ms) {
      if (ms <= unix_ms + kAheadMaxMs) stamp.unix_ms = std::max(stamp.unix_ms, ms + 1);
    };
    if (found != entries_.end()) after(found->second.stamp.unix_ms);
    for (const uint64_t origin : {node_id, proto::kEverybody}) {
      if (const auto forgotten = origins_.find(origin); forgotten != origins_.end()) after(forgotten->second);
    }
    const Change made = Rules::make(key, value, stamp);
    if (found == entries_.end() && !make_room(made)) return std::nullopt;
    put(made);
    return made;
  }

  enum class Merged : uint8_t { news, known, full, ahead, forgotten };

  // Adds a change of another node, unless it is older than the one known, or of no more use.
  Merged merge(const Change& change, int64_t unix_ms) {
    const int64_t believed_ms = unix_ms + kAheadMaxMs;
    if (change.stamp.unix_ms > believed_ms) return Merged::ahead;
    if constexpr (Rules::kExpires) {
      if (Rules::kept_until_ms(change) <= step(unix_ms)) return Merged::known;
    }
    return merge_after(change, believed_ms);
  }
  // The same of a change from a file, whenever it was made.
  Merged restore(const Change& change) { return merge_after(change, std::nullopt); }

  // Makes void what this node (or proto::kEverybody) has changed so far, as far as it is known here. Appends
  // what is dropped. There is always room for it.
  proto::ForgottenOrigin forget_origin(uint64_t node_id, int64_t unix_ms, std::vector<Change>& dropped) {
    int64_t up_to_ms = unix_ms;
    for (const auto& [slot, entry] : entries_) {
      if (node_id != proto::kEverybody && entry.stamp.node_id != node_id) continue;
      up_to_ms = std::max(up_to_ms, entry.stamp.unix_ms);
    }
    if (const auto origin = origins_.find(node_id); origin != origins_.end()) {
      up_to_ms = std::max(up_to_ms, origin->second);
    }
    up_to_ms = std::min(up_to_ms, unix_ms + kAheadMaxMs);
    // Whoever made up as many as are kept, as late as can be, has not made this impossible.
    if (origins_.size() >= kOriginsMax && !origins_.contains(node_id)) {
      up_to_ms = std::max(up_to_ms, oldest_origin().up_to_ms + 1);
    }
    const proto::ForgottenOrigin made{node_id, up_to_ms};
    put_origin(made);
    drop_forgotten(unix_ms, dropped);
    return made;
  }

  // Another node's, as far as it is believed. What it makes void is not taken from now on; what is here goes
  // with drop_forgotten().
  Merged merge_origin(const proto::ForgottenOrigin& origin, int64_t unix_ms) {
    const int64_t believed_ms = unix_ms + kAheadMaxMs;
    if (origin.up_to_ms > believed_ms) return Merged::ahead;
    if (of_no_use(origin, unix_ms)) return Merged::known;
    const auto known = origins_.find(origin.node_id);
    if (known != origins_.end()) {
      // One that is ahead, since the time was, gives way.
      if (known->second >= origin.up_to_ms && known->second <= believed_ms) return Merged::known;
    } else if (origins_.size() >= kOriginsMax) {
      const proto::ForgottenOrigin oldest = oldest_origin();
      if (std::pair(origin.up_to_ms, origin.node_id) < std::pair(oldest.up_to_ms, oldest.node_id)) {
        return Merged::full;
      }
    }
    put_origin(origin);
    return Merged::news;
  }

  // Whether drop_forgotten() has anything to look for. It looks at all changes, so it is for many origins at
  // once.
  bool has_to_drop() const { return !undropped_.empty(); }
  // Drops what origins that came since the last time make void, and what those stamped too far ahead.
  // Appends it.
  void drop_forgotten(int64_t unix_ms, std::vector<Change>& dropped) {
    if (undropped_.empty()) return;
    const bool everybody = undropped_.contains(proto::kEverybody);
    for (auto at = entries_.begin(); at != entries_.end();) {
      const proto::ChangeStamp& stamp = at->second.stamp;
      const bool past = is_forgotten(stamp) || stamp.unix_ms > unix_ms + kAheadMaxMs;
      if (!past || (!everybody && !undropped_.contains(stamp.node_id))) {
        ++at;
        continue;
      }
      dropped.push_back(change_of(*at));
      at = erase(at);
    }
    undropped_.clear();
  }

  // From a file, whenever they were made: what a file has is never too far ahead.
  void restore_origins(std::span<const proto::ForgottenOrigin> origins) {
    static_assert(!Rules::kExpires);
    constexpr int64_t kAnyMs = std::numeric_limits<int64_t>::max() - kAheadMaxMs;
    for (const proto::ForgottenOrigin& origin : origins) merge_origin(origin, kAnyMs);
    std::vector<Change> dropped;
    drop_forgotten(kAnyMs, dropped);
  }

  // Drops what is of no more use, and after cluster time was set back what no other node would take; how
  // many. What is left for the next calls is in nobody's way: it has long ended, and no node takes it from
  // another. Only where the rules say so.
  size_t expire(int64_t unix_ms) {
    static_assert(Rules::kExpires);
    size_t expired = 0;
    if (newest_ms_ > unix_ms + kAheadMaxMs) {
      newest_ms_ = unix_ms + kAheadMaxMs;
      for (auto at = entries_.begin(); at != entries_.end();) {
        const bool ahead = at->second.stamp.unix_ms > newest_ms_;
        at = ahead ? erase(at) : std::next(at);
        expired += ahead ? 1 : 0;
      }
    }
    for (const proto::ForgottenOrigin& origin : origins()) {
      if (origin.up_to_ms > unix_ms + kAheadMaxMs || of_no_use(origin, unix_ms)) {
        drop_origin({origin.node_id, origin.up_to_ms});
      }
    }
    for (size_t left = kExpiredMax; left > 0 && !by_end_.empty(); --left) {
      if (by_end_.begin()->first > step(unix_ms)) break;
      erase(entries_.find(by_end_.begin()->second));
      ++expired;
    }
    return expired;
  }

  size_t size() const { return entries_.size(); }
  uint64_t displaced() const { return displaced_; }  // those that made room for others

  std::optional<Change> find(const Key& key) const {
    const auto found = entries_.find(slot_of(key));
    if (found == entries_.end()) return std::nullopt;
    return change_of(*found);
  }

  // Equal on two nodes that hold the same, and almost certainly different otherwise; 0 for nothing.
  uint32_t digest() const {
    uint64_t sum = origins_digest_;
    for (const uint64_t digest : digests_) sum ^= digest;
    return static_cast<uint32_t>(sum);
  }
  BucketDigests bucket_digests() const {
    BucketDigests out;
    std::transform(digests_.begin(), digests_.end(), out.begin(),
                   [](uint64_t digest) { return static_cast<uint32_t>(digest); });
    return out;
  }
  uint32_t origins_digest() const { return static_cast<uint32_t>(origins_digest_); }

  // By bucket, then by key ascending.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& entry : entries_) visit(change_of(entry));
  }

  // At most `most` of those after `last` (none: from the beginning), in the same order. Sets `last` to where
  // to continue. Returns whether there are more; they may change between two calls.
  template <class Visit>
  bool for_some(std::optional<Key>& last, size_t most, Visit visit) const {
    auto at = last ? entries_.upper_bound(slot_of(*last)) : entries_.begin();
    for (; at != entries_.end() && most > 0; ++at, --most) {
      last = at->first.second;
      visit(change_of(*at));
    }
    return at != entries_.end();
  }

  // Those of one bucket, until `visit` returns false.
  template <class Visit>
  void for_bucket(size_t bucket, Visit visit) const {
    const Slot first{static_cast<uint8_t>(bucket), Key{}};
    for (auto at = entries_.lower_bound(first); at != entries_.end() && at->first.first == bucket; ++at) {
      if (!visit(change_of(*at))) return;
    }
  }

  std::vector<proto::ForgottenOrigin> origins() const {
    std::vector<proto::ForgottenOrigin> out;
    out.reserve(origins_.size());
    for (const auto& [node_id, up_to_ms] : origins_) out.push_back({node_id, up_to_ms});
    return out;
  }

 private:
  using Slot = std::pair<uint8_t, Key>;
  struct Entry {
    Value value{};
    proto::ChangeStamp stamp;
  };
  using Entries = std::map<Slot, Entry>;

  // Whoever can make changes has the cluster's key, so the digest need not withstand attacks.
  static constexpr common::SipKey kDigestKey{};

  static Slot slot_of(const Key& key) { return {Rules::bucket(key), key}; }
  static Change change_of(const typename Entries::value_type& entry) {
    return Rules::make(entry.first.second, entry.second.value, entry.second.stamp);
  }
  static int64_t step(int64_t unix_ms) { return unix_ms / kExpiryStepMs * kExpiryStepMs; }

  // Nothing that it makes void would be kept.
  static bool of_no_use(const proto::ForgottenOrigin& origin, int64_t unix_ms) {
    if constexpr (Rules::kExpires) return origin.up_to_ms + Rules::kKeptMaxMs <= step(unix_ms);
    return false;
  }

  static uint64_t digest_of(const proto::ForgottenOrigin& origin) {
    std::array<uint8_t, 16> bytes;
    common::ByteWriter writer(bytes);
    writer.u64(origin.node_id);
    writer.u64(static_cast<uint64_t>(origin.up_to_ms));
    return common::siphash(kDigestKey, bytes);
  }

  bool is_forgotten(const proto::ChangeStamp& stamp) const {
    const auto by = [&](uint64_t node_id) {
      const auto origin = origins_.find(node_id);
      return origin != origins_.end() && stamp.unix_ms <= origin->second;
    };
    return !origins_.empty() && (by(stamp.node_id) || by(proto::kEverybody));
  }

  // Replaces one that is later only if that is stamped after `believed_ms`.
  Merged merge_after(const Change& change, std::optional<int64_t> believed_ms) {
    if (is_forgotten(change.stamp)) return Merged::forgotten;
    const auto found = entries_.find(slot_of(Rules::key(change)));
    if (found == entries_.end()) {
      if (!make_room(change)) return Merged::full;
    } else if (!believed_ms || found->second.stamp.unix_ms <= *believed_ms) {
      // Of two changes with the same stamp (no node makes them) every node must keep the same.
      if (std::pair(change.stamp, Rules::value(change)) <=
          std::pair(found->second.stamp, found->second.value)) {
        return Merged::known;
      }
    }
    put(change);
    return Merged::news;
  }

  // Whether one more fits; if need be, drops the one that ends first.
  bool make_room(const Change& change) {
    if (entries_.size() < kChangesMax) return true;
    if constexpr (Rules::kExpires) {
      const auto first = by_end_.begin();
      if (std::pair(Rules::kept_until_ms(change), slot_of(Rules::key(change))) <= *first) return false;
      erase(entries_.find(first->second));
      ++displaced_;
      return true;
    }
    return false;
  }

  void put(const Change& change) {
    const Slot slot = slot_of(Rules::key(change));
    if (const auto found = entries_.find(slot); found != entries_.end()) erase(found);
    entries_.emplace(slot, Entry{Rules::value(change), change.stamp});
    digests_[slot.first] ^= Rules::digest(change);
    if constexpr (Rules::kExpires) by_end_.emplace(Rules::kept_until_ms(change), slot);
    newest_ms_ = std::max(newest_ms_, change.stamp.unix_ms);
  }

  typename Entries::iterator erase(typename Entries::iterator at) {
    const Change change = change_of(*at);
    digests_[at->first.first] ^= Rules::digest(change);
    if constexpr (Rules::kExpires) by_end_.erase({Rules::kept_until_ms(change), at->first});
    return entries_.erase(at);
  }

  proto::ForgottenOrigin oldest_origin() const {
    const auto oldest = std::min_element(origins_.begin(), origins_.end(), [](const auto& a, const auto& b) {
      return std::tie(a.second, a.first) < std::tie(b.second, b.first);
    });
    return {oldest->first, oldest->second};
  }

  void put_origin(const proto::ForgottenOrigin& origin) {
    if (const auto known = origins_.find(origin.node_id); known != origins_.end()) drop_origin(*known);
    origins_.emplace(origin.node_id, origin.up_to_ms);
    origins_digest_ ^= digest_of(origin);
    undropped_.insert(origin.node_id);
    if (origins_.size() > kOriginsMax) {
      const proto::ForgottenOrigin oldest = oldest_origin();
      drop_origin({oldest.node_id, oldest.up_to_ms});
    }
  }

  void drop_origin(std::pair<uint64_t, int64_t> origin) {
    origins_digest_ ^= digest_of({origin.first, origin.second});
    origins_.erase(origin.first);
    undropped_.erase(origin.first);
  }

  Entries entries_;
  std::array<uint64_t, kBuckets> digests_{};
  std::set<std::pair<int64_t, Slot>> by_end_;  // only where they expire
  std::map<uint64_t, int64_t> origins_;        // what is forgotten: node id, up to when
  std::set<uint64_t> undropped_;               // of these, whose changes have not been looked for yet
  uint64_t origins_digest_ = 0;
  uint64_t displaced_ = 0;
  int64_t newest_ms_ = 0;  // no stamp is later
};

}  // namespace shoal::sync
