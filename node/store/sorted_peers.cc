#include "node/store/sorted_peers.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "node/store/allocation.h"
#include "node/store/peer_sampling.h"

namespace shoal::node {

using common::Family;

namespace {

// A set of more segments than this is sampled by scattered runs if at most so many records are wanted, else
// by a walk along all segments.
constexpr size_t kWalkedSegments = 8;
constexpr uint32_t kScatteredWant = 256;

// Neighbours picked together from a large set: as many IPv4 records as fit into a cache line.
constexpr uint32_t kRun = 8;

// Draws for one answer by scattered runs; then a walk gives it. An even set needs about 1.5 draws a run.
// Somebody who knew every hash could leave few peers in many segments, but not fewer than join_with_buddy()
// lets be: two segments that a split made hold more than half a segment together, and beside them lies at
// most one segment per bit of depth. So even then some 40 draws a run do, and this bound is hardly ever met.
constexpr uint32_t kDrawsMax = 4096;

}  // namespace

// The first record whose hash is not below `value`. Guesses, guesses again from the distance of the first,
// then steps: in a row of n evenly spread hashes a guess is off by about sqrt(n) / 2, so bisection is never
// needed.
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
    if (same_key(record.key, key)) return &record;
    if (hash(record.key) != value) break;
  }
  return nullptr;
}

template <Family F>
auto SortedPeers<F>::insert(const PeerHash& hash, const Record& record) -> Record* {
  const uint64_t value = hash(record.key);
  if (is_moving()) [[unlikely]]
    move_slots(kSlotsPerChange);
  if (segment_of(value).size() >= kSplitSoon) [[unlikely]]
    make_room(hash, value);
  Segment& segment = segment_of(value);
  ++size_;
  return segment.records.insert(segment.lower_bound(hash, value), record);
}

template <Family F>
void SortedPeers<F>::erase(const PeerHash& hash, const Record* record) {
  const uint64_t value = hash(record->key);
  Segment& segment = segment_of(value);
  segment.records.erase(static_cast<uint32_t>(record - segment.records.data()));
  --size_;
  after_erase(value);
}

template <Family F>
auto SortedPeers<F>::SegmentRow::emplace_back() -> Segment& {
  if (size_ == capacity_) resize(capacity_ + capacity_ / 8 + 1);
  return *std::construct_at(segments_ + size_++);
}

template <Family F>
void SortedPeers<F>::SegmentRow::pop_back() {
  std::destroy_at(segments_ + --size_);
  if (capacity_ > 2 && size_ < capacity_ / 2) resize(size_ + size_ / 8 + 1);
}

template <Family F>
void SortedPeers<F>::SegmentRow::resize(uint32_t room) {
  // A segment owns what its pointer points to, wherever the segment itself lies.
  void* resized = std::realloc(static_cast<void*>(segments_), room * sizeof(Segment));
  if (resized == nullptr && room <= capacity_) return;  // it stays as large as it is
  if (resized == nullptr) throw std::bad_alloc();
  segments_ = static_cast<Segment*>(resized);
  capacity_ = room;
}

// Begins to make a directory of another depth. One that is being made is given up. Without memory for it
// nothing is begun, unless it `must` be.
template <Family F>
void SortedPeers<F>::begin_move(uint32_t depth, bool must) {
  std::unique_ptr<uint32_t[]> numbers(new (std::nothrow) uint32_t[size_t{1} << depth]);
  if (numbers == nullptr && must) throw std::bad_alloc();
  directory_->next = {std::move(numbers), depth};
  directory_->made = 0;
}

// Makes at most so many slots of the next directory.
template <Family F>
void SortedPeers<F>::move_slots(size_t most) {
  Directory& directory = *directory_;
  Slots& next = directory.next;
  const bool deeper = next.depth > directory.slots.depth;
  const size_t end = std::min(directory.made + most, next.size());
  for (size_t& at = directory.made; at < end; ++at) {
    next.numbers[at] = directory.slots.numbers[deeper ? at / 2 : at * 2];
  }
  if (end == next.size()) directory.slots = std::exchange(next, {});
}

// To be called before an insertion into a segment that is nearly full: splits it if it is full.
template <Family F>
void SortedPeers<F>::make_room(const PeerHash& hash, uint64_t value) {
  const uint32_t size = segment_of(value).size();
  const uint32_t depth = segment_of(value).depth;
  if (depth == kDepthMax) return;
  if (!directory_) {
    if (size < kSegmentMax) return;
    directory_ = std::make_unique<Directory>();
    directory_->slots = {std::make_unique<uint32_t[]>(2), 1};
    directory_->at_depth[0] = 1;
    directory_->segments.emplace_back() = std::exchange(first_, {});
  }
  const uint32_t deepest = directory_->slots.depth;
  if (depth == deepest && (!is_moving() || directory_->next.depth < deepest)) {
    begin_move(deepest + 1, size >= kSegmentMax);
  }
  if (size < kSegmentMax) return;
  // It takes somebody who chooses hashes to fill a segment so quickly.
  if (depth == deepest) move_slots(SIZE_MAX / 2);
  split(hash, value);
}

// Splits the segment of `value` by its next hash bit. Merging needs far fewer records, so a peer that comes
// and goes does not split and merge a segment again and again.
template <Family F>
void SortedPeers<F>::split(const PeerHash& hash, uint64_t value) {
  Directory& directory = *directory_;
  const uint32_t low = number_of(value);
  const uint32_t high_number = directory.segments.size();
  Segment& high = directory.segments.emplace_back();
  Segment& old = directory.segments[low];
  // A smaller directory would not do any more.
  if (is_moving() && directory.next.depth <= old.depth) directory.next = {};
  const uint64_t bit = uint64_t{1} << (63 - old.depth);
  const Record* middle = std::find_if(old.records.begin(), old.records.end(),
                                      [&](const Record& record) { return (hash(record.key) & bit) != 0; });
  high.records = old.records.split(static_cast<uint32_t>(middle - old.records.begin()));
  --directory.at_depth[old.depth];
  ++old.depth;
  directory.at_depth[old.depth] += 2;
  old.prefix *= 2;
  high.depth = old.depth;
  high.prefix = old.prefix + 1;
  point_slots(low);
  point_slots(high_number);
}

template <Family F>
void SortedPeers<F>::point_slots(uint32_t segment) {
  const Segment& at = directory_->segments[segment];
  const auto point = [&](Slots& slots) {
    const uint32_t width = slots.depth - at.depth;
    std::fill_n(slots.numbers.get() + (size_t{at.prefix} << width), size_t{1} << width, segment);
  };
  point(directory_->slots);
  if (is_moving()) point(directory_->next);
}

// Frees memory after records were removed from the segment that holds `hash`.
template <Family F>
void SortedPeers<F>::after_erase(uint64_t hash) {
  if (is_moving()) move_slots(kSlotsPerChange);
  segment_of(hash).records.shrink_if_sparse();
  while (directory_ && join_with_buddy(number_of(hash))) {
  }
  if (directory_) shrink_directory();
}

// Undoes a split once both halves together hold no more than half a segment. Returns whether it did.
template <Family F>
bool SortedPeers<F>::join_with_buddy(uint32_t segment) {
  Directory& directory = *directory_;
  const uint32_t depth = directory.segments[segment].depth;
  const uint32_t prefix = directory.segments[segment].prefix & ~1U;
  const uint32_t width = directory.slots.depth - depth;
  const uint32_t low = directory.slots.numbers[size_t{prefix} << width];
  const uint32_t high = directory.slots.numbers[size_t{prefix + 1} << width];
  Segment& left = directory.segments[low];
  const Segment& right = directory.segments[high];
  if (left.depth != right.depth || left.size() + right.size() > kSegmentMax / 2) return false;
  left.records.append(right.records);
  directory.at_depth[left.depth] -= 2;
  --left.depth;
  ++directory.at_depth[left.depth];
  left.prefix /= 2;
  point_slots(low);
  remove_segment(high);
  return true;
}

template <Family F>
void SortedPeers<F>::remove_segment(uint32_t segment) {
  Directory& directory = *directory_;
  const uint32_t last = directory.segments.size() - 1;
  if (segment != last) {
    directory.segments[segment] = std::move(directory.segments[last]);
    point_slots(segment);
  }
  directory.segments.pop_back();
  if (directory.segments.size() == 1) {
    first_ = std::move(directory.segments[0]);
    directory_.reset();
  }
}

// Begins to make a smaller directory if a smaller one does. Not at once when the deepest segments are gone:
// they may come back, also while it is made.
template <Family F>
void SortedPeers<F>::shrink_directory() {
  const Directory& directory = *directory_;
  const uint32_t depth = directory.slots.depth;
  if (is_moving() || depth == 1 || directory.at_depth[depth] + directory.at_depth[depth - 1] != 0) return;
  begin_move(depth - 1, false);
}

template <Family F>
uint8_t* SortedPeers<F>::sample(const Record* self, uint32_t want, common::Prng& prng, uint8_t* to) const {
  // At the greatest depth a segment may hold more than kSegmentMax, which takes somebody who chooses hashes.
  if (directory_ && directory_->segments.size() > kWalkedSegments && want <= kScatteredWant &&
      want <= size_ / 8 && directory_->at_depth[kDepthMax] == 0) {
    return sample_scattered(self, want, prng, to);
  }
  if (directory_) return sample_walking(self, want, prng, to);
  const Record* records = first_.records.data();
  const uint32_t self_at = self == nullptr ? size_ : static_cast<uint32_t>(self - records);
  sample_circle_around(size_, self_at, want, kRun, prng,
                       [&](uint32_t at, uint32_t length) { to = copy_keys(records + at, length, to); });
  return to;
}

// One circle through all segments. The picks come in its order, so one cursor follows them.
template <Family F>
uint8_t* SortedPeers<F>::sample_walking(const Record* self, uint32_t want, common::Prng& prng,
                                        uint8_t* to) const {
  const SegmentRow& segments = directory_->segments;
  uint32_t self_at = size_;  // rank of `self`
  uint32_t rank = 0;
  for (uint32_t i = 0; i < segments.size(); ++i) {
    const Segment& segment = segments[i];
    if (self != nullptr && segment.holds(self)) {
      self_at = rank + static_cast<uint32_t>(self - segment.records.data());
      break;
    }
    rank += segment.size();
  }
  uint32_t cursor = 0;
  uint32_t first = 0;  // rank of the first record of the cursor's segment
  sample_circle_around(size_, self_at, want, kRun, prng, [&](uint32_t at, uint32_t length) {
    if (at < first) cursor = first = 0;
    while (length > 0) {
      while (at - first >= segments[cursor].size()) first += segments[cursor++].size();
      const uint32_t part = std::min(length, segments[cursor].size() - (at - first));
      to = copy_keys(segments[cursor].records.data() + (at - first), part, to);
      at += part;
      length -= part;
    }
  });
  return to;
}

// Runs that start at records drawn uniformly from the whole set, each on the circle of its own segment: so
// every record is in a run with the same chance. A run that overlaps an earlier one is drawn again.
//
// Neighbours in an answer lie in one segment, so enough answers tell which peers share a segment. That is of
// no use: what can be made of it is bounded by kDrawsMax here and by kSegmentMax in find().
template <Family F>
uint8_t* SortedPeers<F>::sample_scattered(const Record* self, uint32_t want, common::Prng& prng,
                                          uint8_t* to) const {
  struct Run {
    const Segment* segment;
    uint32_t start;   // on the circle that begins behind `self` and leaves it out
    uint32_t circle;  // its size
    uint32_t origin;  // place of its beginning in the segment
  };
  std::array<Run, kScatteredWant / kRun> runs;
  size_t run_count = 0;
  const SegmentRow& segments = directory_->segments;
  const uint32_t run_total = (want + kRun - 1) / kRun;
  // First all places, so that their cache misses overlap.
  for (uint32_t draws = 0; run_count < run_total; ++draws) {
    if (draws == kDrawsMax) return sample_walking(self, want, prng, to);
    // Draws a segment, then a place in the room of a full one. A place that holds no record is drawn again,
    // so all records have the same chance, however unevenly the segments are filled.
    const uint64_t random = prng.next();
    const Segment& segment = segments[static_cast<uint32_t>((random >> 32) * segments.size() >> 32)];
    auto start = static_cast<uint32_t>((random & UINT32_MAX) * kSegmentMax >> 32);
    if (start >= segment.size() || &segment.records[start] == self) continue;
    const bool with_self = self != nullptr && segment.holds(self);
    const uint32_t origin = with_self ? static_cast<uint32_t>(self - segment.records.data()) + 1 : 0;
    const uint32_t circle = segment.size() - (with_self ? 1 : 0);
    if (circle < 2 * kRun) continue;
    common::prefetch(&segment.records[start]);
    start = start >= origin ? start - origin : start + segment.size() - origin;
    const bool overlaps = std::any_of(runs.begin(), runs.begin() + run_count, [&](const Run& other) {
      if (other.segment != &segment) return false;
      const uint32_t ahead = start >= other.start ? start - other.start : start + circle - other.start;
      return ahead < kRun || circle - ahead < kRun;
    });
    if (overlaps) continue;
    runs[run_count++] = {&segment, start, circle, origin};
  }
  for (size_t i = 0; i < run_count; ++i) {
    const Run& from = runs[i];
    const auto copy = [&](uint32_t at, uint32_t length) {
      to = copy_keys(from.segment->records.data() + at, length, to);
    };
    const uint32_t length = std::min(kRun, want);
    visit_circular(from.circle, from.start, length, [&](uint32_t at, uint32_t part) {
      const uint32_t size = from.segment->size();
      at += from.origin;
      visit_circular(size, at < size ? at : at - size, part, copy);
    });
    want -= length;
  }
  return to;
}

template <Family F>
size_t SortedPeers<F>::bytes() const {
  size_t sum = 0;
  for_each_segment([&](const Segment& segment) { sum += segment.records.bytes(); });
  if (directory_) {
    const Directory& directory = *directory_;
    sum += allocated_bytes(sizeof(Directory)) + directory.segments.bytes();
    sum += allocated_bytes(directory.slots.size() * sizeof(uint32_t));
    if (is_moving()) sum += allocated_bytes(directory.next.size() * sizeof(uint32_t));
  }
  return sum;
}

template class SortedPeers<Family::v4>;
template class SortedPeers<Family::v6>;

}  // namespace shoal::node
