// Upkeep: the store's background work, in short time slices on the control thread: it removes expired peers,
// from all shards once per tick, and puts a large heap on huge pages. Where the control thread shares a CPU
// with a worker, every slice keeps that worker from its clients: so a slice takes at most some hundred
// microseconds, and the worker runs between two of them.

#pragma once

#include <cstddef>
#include <cstdint>

#include "common/tick.h"
#include "node/os/heap_pages.h"
#include "node/store/swarm_store.h"

namespace shoal::node {

class Upkeep {
 public:
  // Call add_due() this many times per tick.
  static constexpr int64_t kSlicesPerTick = 32;
  // A slice ends after the part of a shard in which this many records have been looked at (WorkBound).
  static constexpr uint32_t kSliceRecordsMax = 32 * 1024;

  // The store must outlive this. `heap` must be made before the heap grows.
  Upkeep(SwarmStore& store, const HeapPages& heap) : store_(store), heap_(heap) {}

  // One more group of shards is due. If it falls behind, at most one sweep of all shards is due.
  void add_due();

  // Runs one slice. Returns whether there is more to do: then run another in a millisecond or so. The more
  // groups are due, the longer a slice is.
  bool run_slice(common::Tick now);

 private:
  static constexpr size_t kSlice = SwarmStore::kShards / kSlicesPerTick;

  SwarmStore& store_;
  HeapPages heap_;
  size_t shard_ = 0;
  size_t due_ = 0;  // shards, from shard_ on
};

}  // namespace shoal::node
