#include "node/bans/client_sketch.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace shoal::node {

namespace {

constexpr uint64_t kRankMax = 15;

}  // namespace

void ClientSketch::turn(uint32_t window) {
  uint32_t last = window_.load(std::memory_order_relaxed);
  if (last == window || !window_.compare_exchange_strong(last, window, std::memory_order_relaxed)) return;
  for (auto& word : words_[window % 2]) word.store(0, std::memory_order_relaxed);
  if (last + 1 == window) return;
  for (auto& word : words_[1 - window % 2]) word.store(0, std::memory_order_relaxed);
}

void ClientSketch::add(uint64_t client, uint64_t now_us) {
  const uint32_t window = window_of(now_us);
  if (window_.load(std::memory_order_relaxed) != window) turn(window);
  const size_t index = client % kRegisters;
  const auto rank =
      std::min<uint64_t>(kRankMax, static_cast<uint64_t>(std::countl_zero(client | kRegisters)) + 1);
  std::atomic<uint64_t>& word = words_[window % 2][index / kPerWord];
  const size_t shift = index % kPerWord * 4;
  const uint64_t value = word.load(std::memory_order_relaxed);
  if ((value >> shift & kRankMax) >= rank) return;
  word.store((value & ~(kRankMax << shift)) | rank << shift, std::memory_order_relaxed);
  count_.store(estimate(), std::memory_order_relaxed);
}

uint32_t ClientSketch::estimate() const {
  constexpr double kSize = kRegisters;
  double sum = 0;
  size_t empty = 0;
  for (size_t i = 0; i < kWords; ++i) {
    uint64_t one = words_[0][i].load(std::memory_order_relaxed);
    uint64_t other = words_[1][i].load(std::memory_order_relaxed);
    for (size_t k = 0; k < kPerWord; ++k, one >>= 4, other >>= 4) {
      const uint64_t rank = std::max(one & kRankMax, other & kRankMax);
      sum += 1.0 / static_cast<double>(uint64_t{1} << rank);
      empty += rank == 0 ? 1 : 0;
    }
  }
  const double estimate = 0.709 * kSize * kSize / sum;
  // Few clients: by how many registers are empty.
  if (estimate <= 2.5 * kSize && empty > 0) {
    return static_cast<uint32_t>(std::lround(kSize * std::log(kSize / static_cast<double>(empty))));
  }
  return static_cast<uint32_t>(std::lround(estimate));
}

void ClientSketch::clear() {
  window_.store(0, std::memory_order_relaxed);
  count_.store(0, std::memory_order_relaxed);
  for (auto& words : words_) {
    for (auto& word : words) word.store(0, std::memory_order_relaxed);
  }
}

}  // namespace shoal::node
