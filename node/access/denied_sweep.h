// DeniedSweep: removes swarms from the store that the access list denies: those named, or all of them. It
// runs in slices, as Upkeep does: a store with millions of swarms, or one swarm of millions of peers, keeps
// its loop no longer than a small one.
//
// One thread, that of its owner; the store is used by others meanwhile.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "common/info_hash.h"
#include "node/store/swarm_store.h"

namespace shoal::node {

class DeniedSweep {
 public:
  using Allows = std::function<bool(const common::InfoHash&)>;

  // A slice ends after the part in which this many records have been looked at (WorkBound).
  static constexpr uint32_t kSliceRecordsMax = 32 * 1024;
  static constexpr size_t kSliceShardsMax = 64;
  // Up to this many named swarms wait; beyond it, the whole store is swept.
  static constexpr size_t kNamedMax = 10'000;

  // Asks `allows` at the time when it comes to a swarm: a change between two slices counts.
  DeniedSweep(SwarmStore& store, Allows allows) : store_(store), allows_(std::move(allows)) {}

  void add(std::span<const common::InfoHash> named);
  // A sweep under way goes on, and another follows: who changes the list again and again does not keep it
  // from its end.
  void add_all();

  // Returns whether there is more to do: then run another in a millisecond or so.
  bool run_slice();

  uint64_t swarms_dropped() const { return dropped_; }

 private:
  bool sweep_under_way() const { return shard_ < SwarmStore::kShards; }

  SwarmStore& store_;
  const Allows allows_;
  std::vector<common::InfoHash> named_;  // the last comes first
  size_t shard_ = SwarmStore::kShards;
  uint32_t below_ = SwarmStore::kAllSwarms;  // of the shard
  bool follows_ = false;
  uint64_t dropped_ = 0;
};

}  // namespace shoal::node
