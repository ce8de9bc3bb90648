// SnapshotKeeper: the thread behind node.snapshot. It merges the file on request, then writes it at intervals
// and once more at the end. The workers serve all the while.

#pragma once

#include <uv.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "node/os/mutex.h"
#include "node/snapshot/snapshot_file.h"
#include "node/store/cluster_clock.h"
#include "node/store/swarm_store.h"

namespace shoal::node {

struct SnapshotStatus {
  std::optional<unsigned> loading_percent;  // none: not loading
  uint64_t loaded = 0;                      // records that the file added at start
  uint64_t left_out = 0;                    // records of the file for which there was no room
  uint64_t refused = 0;                     // 1 if the file was unusable and set aside
  uint64_t written = 0;                     // times
  uint64_t failed = 0;                      // failed writes; the old file stayed
  int64_t last_unix_ms = 0;                 // time of the last write; 0: none yet
  uint64_t last_records = 0;
  uint64_t last_bytes = 0;
  int64_t last_took_ms = 0;
  uint32_t interval_s = 0;  // 0: writes only at the end
};

class SnapshotKeeper {
 public:
  struct Settings {
    std::string path;
    uint32_t interval_s = 0;  // 0: writes only at the end
    SnapshotIdentity identity;
  };

  // Starts the thread. Store and clock outlive the keeper.
  SnapshotKeeper(uv_loop_t* loop, Settings settings, SwarmStore& store, const ClusterClock& clock);
  ~SnapshotKeeper();
  SnapshotKeeper(const SnapshotKeeper&) = delete;
  SnapshotKeeper& operator=(const SnapshotKeeper&) = delete;

  // Writes a last time and ends the thread; the loop then calls `done`. The keeper must live until the loop
  // has ended. Call it once, on the loop's thread.
  void finish(std::function<void()> done);

  // Merges the file; the loop then calls `done` with SnapshotHeader::held of the file (false if there is
  // none), unless finish() was called first. Call it once, on the loop's thread. Nothing is written before
  // that, because the store lacks the file's records.
  void load(std::function<void(bool held)> done);

  // SnapshotHeader::held of the files to come, unless that of the file that was merged is true. Any thread.
  void set_held(bool held) { held_.store(held, std::memory_order_relaxed); }

  // The interval starts at the last write. Any thread.
  void set_interval_s(uint32_t interval_s);

  SnapshotStatus status() const;  // any thread

 private:
  void run();
  bool wait_to_load();
  void merge();
  void report();
  void write();
  bool wait();

  const Settings settings_;  // except the interval: see interval_s_
  SwarmStore& store_;
  const ClusterClock& clock_;
  uv_async_t async_;
  std::function<void(bool)> loaded_;
  std::function<void()> done_;
  std::atomic<unsigned> percent_{0};
  std::atomic<bool> held_{false};
  std::atomic<bool> file_held_{false};  // of the file that was merged
  mutable Mutex mutex_;
  Condition wake_;
  bool load_wanted_ GUARDED_BY(mutex_) = false;
  bool merged_ GUARDED_BY(mutex_) = false;  // and loaded_ is not called yet
  bool ended_ GUARDED_BY(mutex_) = false;
  bool finishing_ GUARDED_BY(mutex_) = false;
  uint32_t interval_s_ GUARDED_BY(mutex_);  // 0: writes only at the end
  SnapshotStatus status_ GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace shoal::node
