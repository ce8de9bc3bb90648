// SnapshotKeeper: node.snapshot: a thread that merges the file when told to, then writes it every so often,
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
  uint64_t loaded = 0;                      // records the file brought at start
  uint64_t refused = 0;                     // 1 when the file was of no use and set aside
  uint64_t written = 0;                     // times
  uint64_t failed = 0;                      // times it could not be written; the old file stayed
  int64_t last_unix_ms = 0;                 // of the last written; 0: none yet
  uint64_t last_records = 0;
  uint64_t last_bytes = 0;
  int64_t last_took_ms = 0;
  uint32_t interval_s = 0;  // 0: written at the end only
};

class SnapshotKeeper {
 public:
  struct Settings {
    std::string path;
    uint32_t interval_s = 0;  // 0: at the end only
    SnapshotIdentity identity;
  };

  // Starts the thread. Store and clock outlive the keeper.
  SnapshotKeeper(uv_loop_t* loop, Settings settings, SwarmStore& store, const ClusterClock& clock);
  ~SnapshotKeeper();
  SnapshotKeeper(const SnapshotKeeper&) = delete;
  SnapshotKeeper& operator=(const SnapshotKeeper&) = delete;

  // Writes a last time and ends the thread; `done` is called from the loop. The keeper must live until the
  // loop has ended. Once, on the loop's thread.
  void finish(std::function<void()> done);

  // Merges the file; `done` is called from the loop, unless finish() is before. Once, on the loop's thread.
  // Before that nothing is written: the file has what the store has not.
  void load(std::function<void()> done);

  // Counts from the last writing; any thread.
  void set_interval_s(uint32_t interval_s);

  SnapshotStatus status() const;  // any thread

 private:
  void run();
  bool wait_to_load();
  void merge();
  void tell();
  void write();
  bool wait();

  const Settings settings_;  // but the interval
  SwarmStore& store_;
  const ClusterClock& clock_;
  uv_async_t told_;
  std::function<void()> loaded_;
  std::function<void()> done_;
  std::atomic<unsigned> percent_{0};
  mutable Mutex mutex_;
  Condition wake_;
  bool load_wanted_ GUARDED_BY(mutex_) = false;
  bool merged_ GUARDED_BY(mutex_) = false;  // and loaded_ is still to be called
  bool ended_ GUARDED_BY(mutex_) = false;
  bool finishing_ GUARDED_BY(mutex_) = false;
  uint32_t interval_s_ GUARDED_BY(mutex_);  // 0: at the end only
  SnapshotStatus status_ GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace shoal::node
