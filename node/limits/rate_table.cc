#include "node/limits/rate_table.h"

#include <algorithm>

namespace shoal::node {

namespace {

uint64_t cost_us(uint32_t per_s) { return (1'000'000 + per_s / 2) / per_s; }

}  // namespace

bool RateTable::charge(const ClientPrefix& client, uint32_t per_s, uint64_t now_us) {
  const uint64_t hash = hash_of(client);
  Set& set = sets_[hash % kSets];
  const uint64_t cost = cost_us(per_s);
  // Tries again if another thread was faster.
  for (;;) {
    Cell* found = nullptr;
    Cell* fullest = nullptr;
    uint64_t found_value = 0;
    uint64_t fullest_value = 0;
    for (Cell& cell : set.cells) {
      const uint64_t value = cell.load(std::memory_order_relaxed);
      if (tag_of(value) == tag_of(hash)) {
        found = &cell;
        found_value = value;
        break;
      }
      if (fullest == nullptr || (value & kTimeMask) < (fullest_value & kTimeMask)) {
        fullest = &cell;
        fullest_value = value;
      }
    }
    const uint64_t full_us = found != nullptr ? found_value & kTimeMask : 0;
    if (!fits(full_us, cost, now_us)) return false;
    const uint64_t next = tag_of(hash) | ((std::max(full_us, now_us) + cost) & kTimeMask);
    Cell& cell = found != nullptr ? *found : *fullest;
    uint64_t before = found != nullptr ? found_value : fullest_value;
    if (cell.compare_exchange_strong(before, next, std::memory_order_relaxed)) return true;
  }
}

bool RateTable::has_room(const ClientPrefix& client, uint32_t per_s, uint64_t now_us) const {
  const uint64_t hash = hash_of(client);
  for (const Cell& cell : sets_[hash % kSets].cells) {
    const uint64_t value = cell.load(std::memory_order_relaxed);
    if (tag_of(value) == tag_of(hash)) return fits(value & kTimeMask, cost_us(per_s), now_us);
  }
  return true;
}

}  // namespace shoal::node
