// SortedPeers: all peers of one role in a large swarm, dense in memory and ordered by a keyed hash of their
// endpoints. Because the hash spreads evenly, a peer's place is guessed from its hash and found within a
// cache line or two: an index that costs no byte. Dense rows also make sampling exactly fair.
//
// Up to kSegmentMax records lie in one segment. A larger set is a row of segments, found through a directory
// by the leading bits of the hash (extendible hashing): an insertion never moves more than one segment,
// however large the swarm is. The directory becomes larger and smaller a part at a time: each change of the
// set makes some of the new one, and the old one is used until all of it is made.
//
// Not thread-safe; guarded by the shard's lock. Pointers are valid until the next change.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "common/prefetch.h"
#include "common/prng.h"
#include "node/store/allocation.h"
#include "node/store/peer_record.h"
#include "node/store/record_array.h"

namespace shoal::node {

template <common::Family F>
class SortedPeers {
 public:
  using Key = PeerKey<F>;
  using Record = PeerRecord<F>;

  uint32_t size() const { return size_; }

  // Null if the peer is not in this set.
  Record* find(const PeerHash& hash, const Key& key);
  const Record* find(const PeerHash& hash, const Key& key) const {
    return const_cast<SortedPeers*>(this)->find(hash, key);
  }

  // The peer must not be in the set. Returns its record.
  Record* insert(const PeerHash& hash, const Record& record);

  // The record must be one of this set.
  void erase(const PeerHash& hash, const Record* record);

  // Removes the records for which `which(record)` is true among the hashes from `from` on, until the end or
  // the bound is reached; at least one segment. Appends what it removed to `gone`. `from` becomes where to
  // continue; 0: that was the end. The set may change between two calls: only the hashes count.
  template <class Which>
  void erase_if(const Which& which, uint64_t& from, WorkBound& bound, std::vector<Record>& gone) {
    do {
      Segment& segment = segment_of(from);
      const uint64_t end = segment.end();
      bound.records += segment.size();
      const uint32_t erased = segment.records.erase_if([&](const Record& record) {
        if (!which(record)) return false;
        gone.push_back(record);
        return true;
      });
      size_ -= erased;
      bound.records += erased * WorkBound::kRecordGone;
      if (erased != 0) after_erase(from);
      from = end;
    } while (from != 0 && !bound.reached());
  }

  template <class Visit>
  void for_each(Visit visit) const {
    for_each_segment([&](const Segment& segment) {
      for (const Record& record : segment.records) visit(record);
    });
  }
  template <class Visit>
  void for_each(Visit visit) {
    for_each_segment([&](const Segment& segment) {
      for (Record& record : const_cast<Segment&>(segment).records) visit(record);
    });
  }

  // Visits at most `most` records of the first segment that has any, in the order of their hashes.
  template <class Visit>
  void for_first(uint32_t most, Visit visit) const {
    constexpr uint32_t kSegmentsLookedAt = 32;
    const uint32_t segments = directory_ ? directory_->segments.size() : 1;
    for (uint32_t number = 0; number < std::min(segments, kSegmentsLookedAt); ++number) {
      const Segment& segment = directory_ ? directory_->segments[number] : first_;
      if (segment.size() == 0) continue;
      for (uint32_t i = 0; i < std::min(most, segment.size()); ++i) visit(segment.records[i]);
      return;
    }
  }

  // Visits the records with hashes from `from` on, in parts as expire() does.
  template <class Visit>
  void for_each(uint64_t& from, WorkBound& bound, Visit visit) const {
    do {
      const Segment& segment = segment_of(from);
      bound.records += segment.size();
      for (const Record& record : segment.records) visit(record);
      from = segment.end();
    } while (from != 0 && !bound.reached());
  }

  // Writes the keys of `want` records to `to`, each with the same chance, never that of `self` (a record of
  // this set, or null). `want` is at most size(), one less if there is a self. Returns the end of what was
  // written.
  uint8_t* sample(const Record* self, uint32_t want, common::Prng& prng, uint8_t* to) const;

  // Starts to load where the peer should be. The guess is often a cache line off.
  void prefetch(uint64_t hash) const {
    const Segment& segment = segment_of(hash);
    const auto at =
        reinterpret_cast<uintptr_t>(segment.records.data()) + segment.guess(hash) * sizeof(Record);
    for (const uintptr_t line : {at, at - 64, at + 64}) {
      common::prefetch(reinterpret_cast<const void*>(line));
    }
  }

  // What is still to be made of the next directory; each change makes kSlotsPerChange of it.
  size_t slots_left() const { return is_moving() ? directory_->next.size() - directory_->made : 0; }
  static constexpr size_t kSlotsPerChange = 64;

  // Allocated, without this object itself.
  size_t bytes() const;

 private:
  static constexpr uint32_t kSegmentMax = 512;
  static constexpr uint32_t kDepthMax = 20;
  // A segment of this size may soon be split: the directory is made deep enough for it meanwhile. With hashes
  // that nobody knows there are far more insertions until then than that takes.
  static constexpr uint32_t kSplitSoon = kSegmentMax / 8 * 7;

  struct Segment {
    RecordArray<Record> records;
    uint32_t prefix = 0;  // the leading `depth` bits of all its hashes
    uint32_t depth = 0;

    uint32_t size() const { return records.size(); }
    // The first hash after those of this segment; 0: it is the last.
    uint64_t end() const { return depth == 0 ? 0 : (uint64_t{prefix} + 1) << (64 - depth); }
    uint32_t guess(uint64_t hash) const {
      return static_cast<uint32_t>(scale(hash << depth, records.size()));
    }
    bool holds(const Record* record) const {
      return record >= records.data() && record < records.data() + records.size();
    }
    uint32_t lower_bound(const PeerHash& hash, uint64_t value) const;
  };

  // Segments by number. Like a vector, but it is moved by the allocator: at most a copy of its bytes.
  class SegmentRow {
   public:
    SegmentRow() = default;
    SegmentRow(const SegmentRow&) = delete;
    SegmentRow& operator=(const SegmentRow&) = delete;
    ~SegmentRow() {
      std::destroy_n(segments_, size_);
      std::free(segments_);
    }

    uint32_t size() const { return size_; }
    const Segment& operator[](uint32_t number) const { return segments_[number]; }
    Segment& operator[](uint32_t number) { return segments_[number]; }
    Segment& emplace_back();
    void pop_back();
    size_t bytes() const { return allocated_bytes(capacity_ * sizeof(Segment)); }

   private:
    void resize(uint32_t room);

    Segment* segments_ = nullptr;
    uint32_t size_ = 0;
    uint32_t capacity_ = 0;
  };

  // 2^depth segment numbers, by the leading `depth` bits of the hash.
  struct Slots {
    std::unique_ptr<uint32_t[]> numbers;
    uint32_t depth = 0;
    size_t size() const { return size_t{1} << depth; }
  };
  struct Directory {
    SegmentRow segments;
    Slots slots;
    // What takes their place once all of it is made: deeper by one, or less deep. None: no numbers.
    Slots next;
    size_t made = 0;
    std::array<uint32_t, kDepthMax + 1> at_depth{};  // segments
  };

  template <class Visit>
  void for_each_segment(Visit visit) const {
    if (!directory_) return visit(first_);
    for (uint32_t i = 0; i < directory_->segments.size(); ++i) visit(directory_->segments[i]);
  }
  // Only with a directory.
  uint32_t number_of(uint64_t hash) const {
    const Slots& slots = directory_->slots;
    return slots.numbers[hash >> (64 - slots.depth)];
  }
  const Segment& segment_of(uint64_t hash) const {
    return directory_ ? directory_->segments[number_of(hash)] : first_;
  }
  Segment& segment_of(uint64_t hash) { return const_cast<Segment&>(std::as_const(*this).segment_of(hash)); }

  bool is_moving() const { return directory_ != nullptr && directory_->next.numbers != nullptr; }
  void begin_move(uint32_t depth, bool must);
  void shrink_directory();
  void move_slots(size_t most);
  void make_room(const PeerHash& hash, uint64_t value);
  void split(const PeerHash& hash, uint64_t value);
  void point_slots(uint32_t segment);
  void after_erase(uint64_t hash);
  bool join_with_buddy(uint32_t segment);
  void remove_segment(uint32_t segment);
  uint8_t* sample_walking(const Record* self, uint32_t want, common::Prng& prng, uint8_t* to) const;
  uint8_t* sample_scattered(const Record* self, uint32_t want, common::Prng& prng, uint8_t* to) const;

  Segment first_;  // all records, while there is no directory
  std::unique_ptr<Directory> directory_;
  uint32_t size_ = 0;
};

extern template class SortedPeers<common::Family::v4>;
extern template class SortedPeers<common::Family::v6>;

}  // namespace shoal::node
