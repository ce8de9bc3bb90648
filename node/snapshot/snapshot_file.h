// A snapshot on disk: writing a store into a file so that there is a whole file at every moment, and merging
// a file into a store. Blocking; called by SnapshotKeeper's thread.

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

// An AtomicFile. Shard by shard: a shard is locked while its records are copied, not while they are written.
common::Result<SnapshotWritten> write_snapshot(const std::string& path, const SnapshotIdentity& identity,
                                               const SwarmStore& store, const ClusterClock& clock);

struct SnapshotLoaded {
  SnapshotHeader header;
  uint64_t records = 0;  // in the file
  uint64_t expired = 0;  // of these too old by now
  uint64_t merged = 0;   // of these news to the store
};

// Checks the whole file, then merges it. Nothing: there is no file. `percent` goes from 0 to 100. The error
// says what is wrong, and the store is as it was.
common::Result<std::optional<SnapshotLoaded>> load_snapshot(const std::string& path,
                                                            const SnapshotIdentity& identity,
                                                            SwarmStore& store, const ClusterClock& clock,
                                                            std::atomic<unsigned>& percent);

}  // namespace shoal::node
