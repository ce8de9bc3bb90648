#include "sync/replay_window.h"

#include <algorithm>

#include "common/check.h"

namespace shoal::sync {

void ReplayWindow::begin_after(uint64_t sequence) {
  begun_ = true;
  base_ = highest_ = announced_ = contiguous_ = sequence;
}

void ReplayWindow::announced(uint64_t sequence) {
  if (!begun_) begin_after(sequence);
  announced_ = std::max(announced_, sequence);
}

bool ReplayWindow::fresh(uint64_t sequence) const {
  if (!begun_ || sequence > highest_) return true;
  return highest_ - sequence < kWidth && !seen(sequence);
}

void ReplayWindow::mark(uint64_t sequence) {
  if (!begun_) begin_after(sequence - 1);
  CHECK_INVARIANT(fresh(sequence));
  if (sequence > highest_) {
    // What slides into the window has not been seen.
    if (sequence - highest_ >= kWidth) {
      bits_.fill(0);
    } else {
      for (uint64_t s = highest_ + 1; s < sequence; ++s) bits_[word_of(s)] &= ~bit_of(s);
    }
    highest_ = sequence;
    announced_ = std::max(announced_, sequence);
  }
  bits_[word_of(sequence)] |= bit_of(sequence);
  if (sequence > base_) ++seen_above_base_;
  if (highest_ > kWidth) contiguous_ = std::max(contiguous_, highest_ - kWidth);
  while (contiguous_ < highest_ && seen(contiguous_ + 1)) ++contiguous_;
}

uint64_t ReplayWindow::missing() const { return announced_ - base_ - seen_above_base_; }

}  // namespace shoal::sync
