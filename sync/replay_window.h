// ReplayWindow: which packets of one stream have been seen. Nothing is accepted twice, nothing is accepted
// from below the window, and gaps are counted.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace shoal::sync {

class ReplayWindow {
 public:
  // How far behind the highest sequence seen a packet may arrive.
  static constexpr uint64_t kWidth = 4096;

  // Neither seen nor too old.
  bool fresh(uint64_t sequence) const;

  // Notes an authentic packet; `sequence` must be fresh.
  void mark(uint64_t sequence);

  // The origin says that it has sent up to here. If nothing of it has been seen yet, this is where we begin
  // to listen: what was sent before is still taken, but not missed. Otherwise we begin with the first packet.
  void announced(uint64_t sequence);

  // Everything from the beginning up to here was seen, or is given up because the window has left it behind.
  uint64_t contiguous() const { return contiguous_; }

  uint64_t highest() const { return highest_; }

  // Packets since the beginning that were sent and not seen.
  uint64_t missing() const;

 private:
  void begin_after(uint64_t sequence);
  bool seen(uint64_t sequence) const { return (bits_[word_of(sequence)] & bit_of(sequence)) != 0; }
  static size_t word_of(uint64_t sequence) { return sequence % kWidth / 64; }
  static uint64_t bit_of(uint64_t sequence) { return uint64_t{1} << sequence % 64; }

  std::array<uint64_t, kWidth / 64> bits_{};
  bool begun_ = false;
  uint64_t base_ = 0;  // the stream before our time
  uint64_t highest_ = 0;
  uint64_t announced_ = 0;
  uint64_t contiguous_ = 0;
  uint64_t seen_above_base_ = 0;
};

}  // namespace shoal::sync
