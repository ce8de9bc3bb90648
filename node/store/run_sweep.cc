#include "node/store/run_sweep.h"

#include <algorithm>
#include <utility>

namespace shoal::node {

void RunSweep::add(std::span<const uint64_t> runs) { next_.insert(next_.end(), runs.begin(), runs.end()); }

bool RunSweep::run_slice() {
  uint64_t records = 0;
  for (size_t shards = 0; shards < kSliceShardsMax && records < kSliceRecordsMax;) {
    if (shard_ == SwarmStore::kShards) {
      runs_ = std::exchange(next_, {});
      if (runs_.empty()) return false;
      std::sort(runs_.begin(), runs_.end());
      runs_.erase(std::unique(runs_.begin(), runs_.end()), runs_.end());
      shard_ = 0;
    }
    if (!within_) std::erase_if(runs_, is_live_);
    if (runs_.empty()) {
      shard_ = SwarmStore::kShards;
      continue;
    }
    const RunsDropped part = store_.drop_runs(shard_, runs_);
    records += part.looked;
    dropped_ += part.records;
    within_ = !part.finished;
    if (within_) continue;
    ++shard_;
    ++shards;
  }
  return true;
}

}  // namespace shoal::node
