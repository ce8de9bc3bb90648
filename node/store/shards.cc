#include "node/store/shards.h"

#include <sys/mman.h>

#include <cstdint>
#include <memory>

namespace shoal::node {

namespace {

uintptr_t huge_page_from(const void* place) {
  return (reinterpret_cast<uintptr_t>(place) + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
}

}  // namespace

Shards::Shards(const ShardConfig& config)
    : config_(config), shards_(reinterpret_cast<SwarmShard*>(huge_page_from(room_.get()))) {
  // Until they are worth it, also where they are given without being asked for.
  madvise(shards_, kBytes, MADV_NOHUGEPAGE);
}

Shards::~Shards() {
  for (size_t number = 0; number < kCount; ++number) {
    if (is_made(number)) std::destroy_at(shards_ + number);
  }
}

void Shards::make(size_t number) {
  const Lock lock(making_);
  if (is_made(number)) return;
  std::construct_at(shards_ + number, config_, index_places_[number]);
  made_[number].store(true, std::memory_order_release);
  if (++count_ != kHugeFrom || !huge_) return;
  madvise(shards_, kBytes, MADV_HUGEPAGE);
  const auto begin = reinterpret_cast<uintptr_t>(shards_);
  collapse_huge_pages(begin, begin + kBytes, kBytes / kHugePageBytes);
}

}  // namespace shoal::node
