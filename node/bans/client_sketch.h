// ClientSketch: about how many different clients were seen, in 64 bytes: HyperLogLog with 64 registers, of
// which each window has its own, so that a client that is gone is forgotten after two. Off by an eighth on
// average. Any thread; no lock: two threads at once may lose one sighting.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace shoal::node {

class ClientSketch {
 public:
  // A client that is seen less often than this counts part of the time only.
  static constexpr uint64_t kWindowUs = 45ULL * 60 * 1'000'000;

  // `client`: a hash of what tells clients apart. `now_us`: any clock that never goes back.
  void add(uint64_t client, uint64_t now_us);

  // Of this window and the last: as of the last register that rose in them.
  uint32_t count(uint64_t now_us) const {
    // Windows are numbered from 2, so that 0, none yet, is too long ago.
    const uint32_t age = window_of(now_us) - window_.load(std::memory_order_relaxed);
    return age <= 1 ? count_.load(std::memory_order_relaxed) : 0;
  }

  void clear();

 private:
  static constexpr size_t kRegisters = 64;
  static constexpr size_t kPerWord = 16;  // four bits each
  static constexpr size_t kWords = kRegisters / kPerWord;
  using Words = std::array<std::atomic<uint64_t>, kWords>;

  static uint32_t window_of(uint64_t now_us) { return static_cast<uint32_t>(now_us / kWindowUs) + 2; }
  void turn(uint32_t window);
  uint32_t estimate() const;

  std::atomic<uint32_t> window_{0};  // of words_[window % 2]; 0: none yet
  std::atomic<uint32_t> count_{0};   // as of the last register that rose
  std::array<Words, 2> words_{};
};

}  // namespace shoal::node
