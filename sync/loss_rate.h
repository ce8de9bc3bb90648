// LossRate: what share of a stream's packets did not arrive at first, recently.

#pragma once

#include <cstdint>

namespace shoal::sync {

class LossRate {
 public:
  // To be called regularly: how many packets there have been, and how many of these were late (Gaps::late).
  // Packets of 16 samples ago count about a third of those of now.
  void sample(uint64_t packets, uint64_t late) {
    recent_packets_ += (packets - packets_) * kUnit - recent_packets_ / kSpan;
    recent_late_ += (late - late_) * kUnit - recent_late_ / kSpan;
    packets_ = packets;
    late_ = late;
  }

  // 0 to 1000; 0 if there were almost no packets.
  uint32_t permille() const {
    if (recent_packets_ < kUnit) return 0;
    const uint64_t share = recent_late_ * 1000 / recent_packets_;
    return static_cast<uint32_t>(share > 1000 ? 1000 : share);
  }

 private:
  static constexpr uint64_t kUnit = 1024;
  static constexpr uint64_t kSpan = 16;
  uint64_t packets_ = 0;
  uint64_t late_ = 0;
  uint64_t recent_packets_ = 0;  // decayed, in kUnit
  uint64_t recent_late_ = 0;
};

}  // namespace shoal::sync
