#include "node/sorted_peers.h"

#include <algorithm>
#include <cstring>

#include "node/allocated.h"
#include "node/peer_sampling.h"

namespace shoal::node {

using common::Family;

namespace {

// What of a set of many segments is sampled by scattered runs instead of a walk along all segments.
constexpr size_t kWalkedSegments = 64;
constexpr uint32_t kScatteredWant = 256;

// Neighbours picked together from a large set: half a cache line of IPv4 records, a whole one when many are
// wanted.
constexpr uint32_t run_length(uint32_t want) { return want <= 32 ? 4 : 8; }

template <class Record>
uint8_t* put(const Record& record, uint8_t* to) {
  std::memcpy(to, record.key.data(), record.key.size());
  return to + record.key.size();
}

}  // namespace

// The first record whose hash is not below `value`. A guess, a second one from the distance of the first,
// then steps: guesses in a row of n evenly spread hashes are off by about sqrt(n) / 2, so no case needs a
// bisection.
template <Family F>
uint32_t SortedPeers<F>::Segment::lower_bound(const PeerHash& hash, uint64_t value) const {
  const uint32_t count = size();
  if (count == 0) return 0;
  uint32_t at = guess(value);
  const uint64_t there = hash(records[at].key);
  if (there < value) {
    const uint64_t step = scale((value - there) << depth, count);
    at = static_cast<uint32_t>(std::min<uint64_t>(at + step, count - 1));
  } else {
    at -= static_cast<uint32_t>(std::min<uint64_t>(scale((there - value) << depth, count), at));
  }
  if (hash(records[at].key) < value) {
    do ++at;
    while (at < count && hash(records[at].key) < value);
    return at;
  }
  while (at > 0 && hash(records[at - 1].key) >= value) --at;
  return at;
}

template <Family F>
auto SortedPeers<F>::find(const PeerHash& hash, const Key& key) -> Record* {
  const uint64_t value = hash(key);
  Segment& segment = segment_of(value);
  const uint32_t count = segment.size();
  for (uint32_t at = segment.lower_bound(hash, value); at < count; ++at) {
    Record& record = segment.records[at];
    if (record.key == key) return &record;
    if (hash(record.key) != value) break;
  }
  return nullptr;
}

template <Family F>
void SortedPeers<F>::insert(const PeerHash& hash, const Record& record) {
  const uint64_t value = hash(record.key);
  if (const Segment& full = segment_of(value); full.size() >= kSegmentMax && full.depth < kDepthMax) {
    split(hash, value);
  }
  Segment& segment = segment_of(value);
  grow_for_one(segment.records, 8, 4);
  segment.records.insert(segment.records.begin() + segment.lower_bound(hash, value), record);
  ++size_;
}

template <Family F>
void SortedPeers<F>::erase(const PeerHash& hash, const Record* record) {
  const uint64_t value = hash(record->key);
  Segment& segment = segment_of(value);
  segment.records.erase(segment.records.begin() + (record - segment.records.data()));
  --size_;
  after_erase(directory_ ? static_cast<uint32_t>(&segment - directory_->segments.data()) : 0);
}

template <Family F>
uint32_t SortedPeers<F>::erase_expired(const Expiry& expiry) {
  const uint32_t before = size_;
  const auto clean = [&](Segment& segment) {
    size_ -= static_cast<uint32_t>(
        std::erase_if(segment.records, [&](const Record& record) { return expiry.expired(record.stamp); }));
  };
  if (!directory_) {
    clean(first_);
    if (size_ != before) after_erase(0);
    return before - size_;
  }
  // First all, then the joining, which moves segments about.
  for (Segment& segment : directory_->segments) clean(segment);
  for (uint32_t i = 0; directory_ && i < directory_->segments.size(); ++i) after_erase(i);
  return before - size_;
}

// Divides the segment of `value` by its next hash bit. Joining needs far fewer records, so no peer that comes
// and goes makes a segment flutter.
template <Family F>
void SortedPeers<F>::split(const PeerHash& hash, uint64_t value) {
  if (!directory_) {
    directory_ = std::make_unique<Directory>();
    directory_->segments.push_back(std::move(first_));
    directory_->slots = {0};
    first_ = {};
  }
  Directory& directory = *directory_;
  const uint32_t low = directory.depth == 0 ? 0 : directory.slots[value >> (64 - directory.depth)];
  if (directory.segments[low].depth == directory.depth) {
    std::vector<uint32_t> doubled;
    doubled.reserve(directory.slots.size() * 2);
    for (const uint32_t slot : directory.slots) doubled.insert(doubled.end(), {slot, slot});
    directory.slots = std::move(doubled);
    ++directory.depth;
  }
  grow_for_one(directory.segments, 8, 1);
  Segment& high = directory.segments.emplace_back();
  Segment& old = directory.segments[low];
  const uint64_t bit = uint64_t{1} << (63 - old.depth);
  const auto middle = std::find_if(old.records.begin(), old.records.end(),
                                   [&](const Record& record) { return (hash(record.key) & bit) != 0; });
  high.records.assign(middle, old.records.end());
  std::vector<Record>(old.records.begin(), middle).swap(old.records);
  ++old.depth;
  old.prefix *= 2;
  high.depth = old.depth;
  high.prefix = old.prefix + 1;
  point_slots(low);
  point_slots(static_cast<uint32_t>(directory.segments.size() - 1));
}

template <Family F>
void SortedPeers<F>::point_slots(uint32_t segment) {
  const Segment& at = directory_->segments[segment];
  const uint32_t width = directory_->depth - at.depth;
  std::fill_n(directory_->slots.begin() + (size_t{at.prefix} << width), size_t{1} << width, segment);
}

template <Family F>
void SortedPeers<F>::after_erase(uint32_t segment) {
  shrink_if_sparse(directory_ ? directory_->segments[segment].records : first_.records, 8);
  if (directory_) join_with_buddy(segment);
}

// Undoes a split once both halves hold no more than half a segment together.
template <Family F>
void SortedPeers<F>::join_with_buddy(uint32_t segment) {
  Directory& directory = *directory_;
  const uint32_t depth = directory.segments[segment].depth;
  const uint32_t prefix = directory.segments[segment].prefix & ~1U;
  const uint32_t width = directory.depth - depth;
  const uint32_t low = directory.slots[size_t{prefix} << width];
  const uint32_t high = directory.slots[size_t{prefix + 1} << width];
  Segment& left = directory.segments[low];
  const Segment& right = directory.segments[high];
  if (left.depth != right.depth || left.size() + right.size() > kSegmentMax / 2) return;
  left.records.reserve(left.size() + right.size());
  left.records.insert(left.records.end(), right.records.begin(), right.records.end());
  --left.depth;
  left.prefix /= 2;
  point_slots(low);
  remove_segment(high);
}

template <Family F>
void SortedPeers<F>::remove_segment(uint32_t segment) {
  Directory& directory = *directory_;
  const auto last = static_cast<uint32_t>(directory.segments.size() - 1);
  if (segment != last) {
    directory.segments[segment] = std::move(directory.segments[last]);
    point_slots(segment);
  }
  directory.segments.pop_back();
  if (directory.segments.size() == 1) {
    first_ = std::move(directory.segments[0]);
    directory_.reset();
    return;
  }
  shrink_if_sparse(directory.segments, 2);
  const auto is_deepest = [&](const Segment& at) { return at.depth == directory.depth; };
  while (std::none_of(directory.segments.begin(), directory.segments.end(), is_deepest)) {
    for (size_t i = 0; i < directory.slots.size() / 2; ++i) directory.slots[i] = directory.slots[2 * i];
    directory.slots.resize(directory.slots.size() / 2);
    directory.slots.shrink_to_fit();
    --directory.depth;
  }
}

template <Family F>
uint8_t* SortedPeers<F>::sample(const Record* self, uint32_t want, common::Prng& prng, uint8_t* to) const {
  if (directory_ && directory_->segments.size() > kWalkedSegments && want <= kScatteredWant &&
      want <= size_ / 8) {
    return sample_scattered(self, want, prng, to);
  }
  if (directory_) return sample_walking(self, want, prng, to);
  const Record* records = first_.records.data();
  const uint32_t self_at = self == nullptr ? size_ : static_cast<uint32_t>(self - records);
  const uint32_t others = self == nullptr ? size_ : size_ - 1;
  sample_circle(others, want, run_length(want), prng,
                [&](uint32_t i) { to = put(records[i < self_at ? i : i + 1], to); });
  return to;
}

// One circle through all segments; the picks come in its order, so one cursor follows them.
template <Family F>
uint8_t* SortedPeers<F>::sample_walking(const Record* self, uint32_t want, common::Prng& prng,
                                        uint8_t* to) const {
  const std::vector<Segment>& segments = directory_->segments;
  uint32_t self_at = size_;  // rank of `self`
  uint32_t rank = 0;
  for (const Segment& segment : segments) {
    if (self != nullptr && segment.holds(self)) {
      self_at = rank + static_cast<uint32_t>(self - segment.records.data());
      break;
    }
    rank += segment.size();
  }
  size_t cursor = 0;
  uint32_t first = 0;  // rank of the first record of the cursor's segment
  sample_circle(self == nullptr ? size_ : size_ - 1, want, run_length(want), prng, [&](uint32_t i) {
    if (i >= self_at) ++i;
    if (i < first) cursor = first = 0;
    while (i - first >= segments[cursor].size()) first += segments[cursor++].size();
    to = put(segments[cursor].records[i - first], to);
  });
  return to;
}

// Runs begun at records drawn uniformly from the whole set, each a part of the circle of its own segment: so
// every record is in a run with the same chance. A run that overlaps an earlier one is drawn again.
template <Family F>
uint8_t* SortedPeers<F>::sample_scattered(const Record* self, uint32_t want, common::Prng& prng,
                                          uint8_t* to) const {
  struct Run {
    const Segment* segment;
    uint32_t start;    // place in the segment without `self`
    uint32_t circle;   // its size without `self`
    uint32_t self_at;  // where `self` is left out
  };
  std::array<Run, kScatteredWant> runs;
  size_t run_count = 0;
  const Directory& directory = *directory_;
  const uint32_t run = run_length(want);
  const uint32_t run_total = (want + run - 1) / run;
  // All places first, so that their cache misses overlap.
  while (run_count < run_total) {
    // A slot, then a place in the room its segment would have if it were full and had all the slots to
    // itself: places that hold no record are drawn again, so all records have the same chance.
    const uint32_t slot = prng.below(static_cast<uint32_t>(directory.slots.size()));
    const Segment& segment = directory.segments[directory.slots[slot]];
    uint32_t start = prng.below(kSegmentMax << (directory.depth - segment.depth));
    if (start >= segment.size() || &segment.records[start] == self) continue;
    const bool with_self = self != nullptr && segment.holds(self);
    const uint32_t self_at =
        with_self ? static_cast<uint32_t>(self - segment.records.data()) : segment.size();
    const uint32_t circle = segment.size() - (with_self ? 1 : 0);
    if (circle < 2 * run) continue;
    if (start > self_at) --start;
    const bool overlaps = std::any_of(runs.begin(), runs.begin() + run_count, [&](const Run& other) {
      const uint32_t ahead = (start + circle - other.start) % circle;
      return other.segment == &segment && (ahead < run || circle - ahead < run);
    });
    if (overlaps) continue;
    __builtin_prefetch(&segment.records[start]);
    runs[run_count++] = {&segment, start, circle, self_at};
  }
  for (size_t i = 0; i < run_count; ++i) {
    const Run& from = runs[i];
    for (uint32_t at = from.start; want > 0 && at < from.start + run; ++at, --want) {
      const uint32_t place = at < from.circle ? at : at - from.circle;
      to = put(from.segment->records[place < from.self_at ? place : place + 1], to);
    }
  }
  return to;
}

template <Family F>
size_t SortedPeers<F>::bytes() const {
  size_t sum = 0;
  for_each_segment([&](const Segment& segment) { sum += allocated_bytes(segment.records); });
  if (directory_) {
    sum += allocated_bytes(sizeof(Directory)) + allocated_bytes(directory_->segments) +
           allocated_bytes(directory_->slots);
  }
  return sum;
}

template class SortedPeers<Family::v4>;
template class SortedPeers<Family::v6>;

}  // namespace shoal::node
