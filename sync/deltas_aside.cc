#include "sync/deltas_aside.h"

#include <utility>

namespace shoal::sync {

bool DeltasAside::keep(uint64_t number, const Kept& kept, int64_t now_us) {
  if (size_ >= most_) return false;
  if (waiting_.empty()) {
    due_us_ = std::max(due_us_, now_us + kAskAfterUs);
    asked_ = 0;
  }
  Waiting& waiting = waiting_[number];
  if (waiting.deltas.empty()) waiting.since_us = now_us;
  waiting.deltas.push_back(kept);
  ++size_;
  return true;
}

std::vector<DeltasAside::Kept> DeltasAside::take(uint64_t number) {
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return {};
  std::vector<Kept> out = std::move(found->second.deltas);
  waiting_.erase(found);
  size_ -= out.size();
  return out;
}

size_t DeltasAside::drop_before(uint64_t number) {
  const size_t before = size_;
  while (!waiting_.empty() && waiting_.begin()->first < number) take(waiting_.begin()->first);
  return before - size_;
}

size_t DeltasAside::drop_all() {
  waiting_.clear();
  return std::exchange(size_, 0);
}

size_t DeltasAside::drop_older(int64_t now_us) {
  const size_t before = size_;
  std::erase_if(waiting_, [&](const auto& entry) {
    const Waiting& waiting = entry.second;
    if (now_us - waiting.since_us < kKeepUs) return false;
    size_ -= waiting.deltas.size();
    return true;
  });
  return before - size_;
}

std::vector<uint64_t> DeltasAside::claim_due(int64_t now_us, int64_t again_us, size_t numbers_max) {
  std::vector<uint64_t> numbers;
  if (asked_ == 0) pass_us_ = now_us;
  auto next = waiting_.upper_bound(asked_);
  for (; next != waiting_.end() && numbers.size() < numbers_max; ++next) numbers.push_back(next->first);
  if (!numbers.empty()) asked_ = numbers.back();
  due_us_ = now_us + kAskAfterUs;
  if (next == waiting_.end()) {
    asked_ = 0;
    due_us_ = std::max(due_us_, pass_us_ + again_us);
  }
  return numbers;
}

}  // namespace shoal::sync
