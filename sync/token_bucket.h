// TokenBucket: how many bytes may be sent now. Integer arithmetic; the time is an argument.

#pragma once

#include <algorithm>
#include <cstdint>

namespace shoal::sync {

class TokenBucket {
 public:
  // Starts full.
  TokenBucket(int64_t bytes_per_s, int64_t burst_bytes)
      : rate_(bytes_per_s), burst_(burst_bytes), millionths_(burst_bytes * kScale) {}

  void refill(int64_t now_us) {
    if (now_us <= filled_us_) return;
    // Longer than it takes to fill it from any debt makes no difference; this avoids an overflow.
    const int64_t elapsed_us = std::min(now_us - filled_us_, kLongUs);
    filled_us_ = now_us;
    millionths_ = std::min(burst_ * kScale, millionths_ + elapsed_us * rate_);
  }

  // A bucket that is not empty allows one more packet, whatever its size: the debt is paid off before the
  // next one.
  bool open() const { return millionths_ > 0; }
  void spend(int64_t bytes) { millionths_ = std::max(millionths_ - bytes * kScale, -burst_ * kScale); }

  // More than half full.
  bool ample() const { return millionths_ * 2 > burst_ * kScale; }

  // The balance; negative: a debt.
  int64_t bytes() const { return millionths_ / kScale; }

  // When it will be open.
  int64_t open_us() const { return filled_us_ + (open() ? 0 : (-millionths_ / rate_ + 1)); }

 private:
  static constexpr int64_t kScale = 1'000'000;
  static constexpr int64_t kLongUs = 1'000'000'000;

  int64_t rate_;
  int64_t burst_;
  int64_t millionths_;  // of a byte
  int64_t filled_us_ = 0;
};

// To one destination of datagrams at once: 50 ms worth, but no more than fits any receive buffer.
inline int64_t pace_burst(int64_t bytes_per_s) {
  return std::clamp<int64_t>(bytes_per_s / 20, 2'400, 32'768);
}

inline TokenBucket pace_bucket(int64_t bytes_per_s) {
  return TokenBucket(bytes_per_s, pace_burst(bytes_per_s));
}

}  // namespace shoal::sync
