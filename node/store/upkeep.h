// Upkeep: what the control thread does for the store by and by, in short goes: it sweeps the shards for peers
// whose time is over, all of them once per tick, and puts a large heap on huge pages. Where it shares a CPU
// with a worker, every go keeps that worker from its clients, so none does more than some hundred
// microseconds, and between two of them the worker has its turn.

#pragma once

#include <cstddef>
#include <cstdint>

#include "common/tick.h"
#include "node/os/heap_pages.h"
#include "node/store/swarm_store.h"

namespace shoal::node {

class Upkeep {
 public:
  // How often in a tick add_due() is to be called.
  static constexpr int64_t kSlicesPerTick = 32;
  // A go ends with the part of a shard at which so many records have been looked at (WorkBound).
  static constexpr uint32_t kGoRecordsMax = 32 * 1024;

  // The store must outlive this. `heap` was made before it grew.
  Upkeep(SwarmStore& store, const HeapPages& heap) : store_(store), heap_(heap) {}

  // One more slice of the shards is due. Who is late is never more than one sweep of all behind.
  void add_due();

  // One go. Returns whether there is more to do: then there should be another in a millisecond or so. The
  // more slices are due, the longer it is.
  bool run_slice(common::Tick now);

 private:
  static constexpr size_t kSlice = SwarmStore::kShards / kSlicesPerTick;

  SwarmStore& store_;
  HeapPages heap_;
  size_t shard_ = 0;
  size_t due_ = 0;  // shards, from shard_ on
};

}  // namespace shoal::node
