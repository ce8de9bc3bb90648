#include "sync/gaps.h"

#include <algorithm>
#include <utility>

namespace shoal::sync {

void Gaps::begin(uint64_t base) {
  if (begun_) return;
  begun_ = true;
  base_ = top_ = base;
}

void Gaps::add(uint64_t first, uint64_t last, int64_t now_us) {
  ranges_.emplace_hint(ranges_.end(), first, Range{last, now_us, now_us + kAskAfterUs});
  missing_ += last - first + 1;
  deadline_us_ = std::min(deadline_us_, now_us + kAskAfterUs);
  keep_bounded();
}

void Gaps::keep_bounded() {
  while (ranges_.size() > ranges_max_) give_up(ranges_.begin()->second.last);
}

void Gaps::announced(uint64_t sequence, int64_t now_us) {
  begin(sequence);
  if (sequence <= top_) return;
  const uint64_t first = top_ + 1;
  top_ = sequence;
  add(first, sequence, now_us);
}

void Gaps::seen(uint64_t sequence, int64_t now_us) {
  begin(sequence - 1);
  if (sequence > top_) {
    const uint64_t first = top_ + 1;
    top_ = sequence;
    if (first < sequence) add(first, sequence - 1, now_us);
    return;
  }
  auto after = ranges_.upper_bound(sequence);
  if (after == ranges_.begin()) return;
  const auto found = std::prev(after);
  const uint64_t first = found->first;
  const Range range = found->second;
  if (sequence > range.last) return;
  --missing_;
  if (range.asked) ++repaired_;
  if (sequence < range.last) ranges_.emplace_hint(after, sequence + 1, range);
  if (first < sequence) {
    found->second.last = sequence - 1;
  } else {
    ranges_.erase(found);
  }
  keep_bounded();
}

void Gaps::give_up(uint64_t up_to) {
  while (!ranges_.empty() && ranges_.begin()->first <= up_to) {
    const uint64_t first = ranges_.begin()->first;
    const Range range = ranges_.begin()->second;
    const uint64_t end = std::min(range.last, up_to);
    ranges_.erase(ranges_.begin());
    missing_ -= end - first + 1;
    lost_ += end - first + 1;
    if (end < range.last) ranges_.emplace(end + 1, range);
  }
}

void Gaps::give_up_stale(int64_t now_us) {
  // Gaps of older sequences are found earlier, so the stale ones are in front.
  while (!ranges_.empty() && now_us - ranges_.begin()->second.found_us >= kGiveUpUs) {
    give_up(ranges_.begin()->second.last);
  }
}

std::vector<proto::SequenceRange> Gaps::claim_due(int64_t now_us, int64_t again_us, size_t ranges_max,
                                                  uint64_t packets_max) {
  std::vector<proto::SequenceRange> out;
  deadline_us_ = kNever;
  for (auto it = ranges_.begin(); it != ranges_.end(); ++it) {
    Range& range = it->second;
    if (range.due_us <= now_us && out.size() < ranges_max && packets_max > 0) {
      const uint64_t first = it->first;
      if (range.last - first >= packets_max) {
        // Too many at once: the rest becomes a range of its own, still due.
        Range rest = range;
        range.last = first + packets_max - 1;
        ranges_.emplace_hint(std::next(it), range.last + 1, rest);
      }
      range.due_us = now_us + again_us;
      packets_max -= range.last - first + 1;
      if (!std::exchange(range.asked, true)) late_ += range.last - first + 1;
      if (!out.empty() && out.back().last + 1 == first) {
        out.back().last = range.last;
      } else {
        out.push_back({first, range.last});
      }
    }
    deadline_us_ = std::min(deadline_us_, range.due_us);
  }
  keep_bounded();
  return out;
}

}  // namespace shoal::sync
