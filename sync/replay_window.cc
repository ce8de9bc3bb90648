#include "sync/replay_window.h"

#include <algorithm>

#include "common/check.h"

namespace shoal::sync {

void ReplayWindow::begin(uint64_t base) {
  CHECK_INVARIANT(highest_ == 0);
  highest_ = base;
  std::fill(bits_.begin(), bits_.end(), ~uint64_t{0});
}

bool ReplayWindow::fresh(uint64_t sequence) const {
  if (sequence > highest_) return true;
  return sequence > left_behind() && !seen(sequence);
}

void ReplayWindow::mark(uint64_t sequence) {
  CHECK_INVARIANT(fresh(sequence));
  if (sequence > highest_) {
    // Sequences that enter the window have not been seen.
    if (sequence - highest_ >= width_) {
      std::fill(bits_.begin(), bits_.end(), 0);
    } else {
      for (uint64_t s = highest_ + 1; s < sequence;) {
        if (s % 64 == 0 && sequence - s >= 64) {
          bits_[word_of(s)] = 0;
          s += 64;
        } else {
          bits_[word_of(s)] &= ~bit_of(s);
          ++s;
        }
      }
    }
    highest_ = sequence;
  }
  bits_[word_of(sequence)] |= bit_of(sequence);
}

}  // namespace shoal::sync
