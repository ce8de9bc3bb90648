#include "node/store/upkeep.h"

#include <algorithm>

namespace shoal::node {

void Upkeep::add_due() { due_ = std::min(due_ + kSlice, SwarmStore::kShards); }

bool Upkeep::run_slice(common::Tick now) {
  const uint64_t records_max = uint64_t{kSliceRecordsMax} * std::max<uint64_t>(1, due_ / kSlice);
  for (uint64_t records = 0; due_ > 0;) {
    if (records >= records_max) return true;
    const SweepPart part = store_.expire_part(shard_, now);
    records += part.records;
    if (!part.finished) continue;
    shard_ = (shard_ + 1) % SwarmStore::kShards;
    --due_;
  }
  return heap_.step();
}

}  // namespace shoal::node
