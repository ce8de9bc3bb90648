// RunSweep: drops the web peers of runs of nodes that have ended from the store, in short time slices, as
// upkeep does its work. Not thread-safe: control thread.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "node/store/swarm_store.h"

namespace shoal::node {

class RunSweep {
 public:
  // A slice ends after the part of a shard in which this many records have been looked at (WorkBound).
  static constexpr uint32_t kSliceRecordsMax = 32 * 1024;
  // Shards without web peers are passed at once; of so many each slice asks at most.
  static constexpr size_t kSliceShardsMax = 256;

  // `store` must outlive this. `is_live`: the run is there again.
  RunSweep(SwarmStore& store, std::function<bool(uint64_t)> is_live)
      : store_(store), is_live_(std::move(is_live)) {}

  // They have ended. What runs already is finished first.
  void add(std::span<const uint64_t> runs);

  // Runs one slice. Returns whether there is more to do.
  bool run_slice();

  uint64_t dropped() const { return dropped_; }

 private:
  SwarmStore& store_;
  std::function<bool(uint64_t)> is_live_;
  std::vector<uint64_t> next_;
  std::vector<uint64_t> runs_;  // of this sweep, ascending
  size_t shard_ = SwarmStore::kShards;
  bool within_ = false;  // a part of the shard has been done, with these runs
  uint64_t dropped_ = 0;
};

}  // namespace shoal::node
