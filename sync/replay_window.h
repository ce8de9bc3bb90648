// ReplayWindow: which packets of one stream have been seen. Nothing is accepted twice, and nothing from below
// the window. For what is missing see sync/gaps.h.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace shoal::sync {

class ReplayWindow {
 public:
  // How far behind the highest sequence seen a packet may arrive. Delta packets are asked for again as long
  // as the origin keeps them (sync/retransmit_ring.h); a control packet that late is of no use.
  static constexpr uint64_t kDeltaWidth = 65'536;
  static constexpr uint64_t kControlWidth = 4096;

  // `width` is a multiple of 64.
  explicit ReplayWindow(uint64_t width) : bits_(width / 64), width_(width) {}

  // Nothing up to `base` is accepted. To be called before the first packet is marked.
  void begin(uint64_t base);

  // Neither seen nor too old.
  bool fresh(uint64_t sequence) const;

  // An authentic packet has arrived; `sequence` must be fresh.
  void mark(uint64_t sequence);

  // Sequences up to here are not accepted any more.
  uint64_t left_behind() const { return highest_ > width_ ? highest_ - width_ : 0; }

  uint64_t highest() const { return highest_; }

 private:
  bool seen(uint64_t sequence) const { return (bits_[word_of(sequence)] & bit_of(sequence)) != 0; }
  size_t word_of(uint64_t sequence) const { return sequence % width_ / 64; }
  static uint64_t bit_of(uint64_t sequence) { return uint64_t{1} << sequence % 64; }

  std::vector<uint64_t> bits_;
  uint64_t width_;
  uint64_t highest_ = 0;
};

}  // namespace shoal::sync
