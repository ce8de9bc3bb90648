// A snapshot on disk: writes a store to a file, which is complete at every moment, and merges a file into a
// store. Blocks; called on SnapshotKeeper's thread.

#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "common/result.h"
#include "node/snapshot/snapshot_format.h"
#include "node/store/cluster_clock.h"
#include "node/store/swarm_store.h"

namespace shoal::node {

struct SnapshotWritten {
  uint64_t records = 0;
  uint64_t bytes = 0;
};

// Writes an AtomicFile, shard by shard. Locks a shard while it copies its records, not while it writes them.
// `held`: see SnapshotHeader.
common::Result<SnapshotWritten> write_snapshot(const std::string& path, const SnapshotIdentity& identity,
                                               const SwarmStore& store, const ClusterClock& clock,
                                               bool held = false);

struct SnapshotLoaded {
  SnapshotHeader header;
  uint64_t records = 0;  // in the file
  uint64_t expired = 0;  // of these, those that are too old now
  uint64_t merged = 0;   // of these, those that the store did not know
  // For which the store has no room (SnapshotRation).
  uint64_t left_out_swarms = 0;
  uint64_t left_out_records = 0;
};

// Checks the whole file, then merges as much of it as the store has room for, the largest swarms first.
// Returns nothing if there is no file. Raises `percent` from 0 to 100. If the check fails, the error says why
// and the store is unchanged.
common::Result<std::optional<SnapshotLoaded>> load_snapshot(const std::string& path,
                                                            const SnapshotIdentity& identity,
                                                            SwarmStore& store, const ClusterClock& clock,
                                                            std::atomic<unsigned>& percent);

}  // namespace shoal::node
