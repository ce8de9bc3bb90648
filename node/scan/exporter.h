// Exporter: writes a full scrape to admin.export_file at regular times, on libuv's thread pool. The loop's
// thread only.

#pragma once

#include <uv.h>

#include <cstdint>
#include <optional>
#include <string>

#include "common/result.h"
#include "node/net/job.h"
#include "node/net/timer.h"
#include "node/store/cluster_clock.h"
#include "node/store/swarm_store.h"
#include "proto/dump_format.h"

namespace shoal::node {

struct ExportStatus {
  uint64_t written = 0;      // exports
  uint64_t failed = 0;       // exports that failed; the old file stayed
  int64_t last_unix_ms = 0;  // of the last export; 0: none yet
  uint64_t last_bytes = 0;
  int64_t last_took_ms = 0;
};

class Exporter {
 public:
  struct Settings {
    std::string path;  // empty: off
    proto::DumpFormat format = proto::DumpFormat::text;
    uint32_t interval_s = 0;  // not 0
    bool operator==(const Settings&) const = default;
  };

  // Store and clock outlive the loop.
  Exporter(uv_loop_t* loop, Settings settings, const SwarmStore& store, const ClusterClock& clock);
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  // Applies from the next export on. If something has changed, the interval begins anew.
  void set(Settings settings);

  // Breaks off the export under way, and begins none any more.
  void stop();

  // None: exports are off.
  std::optional<ExportStatus> status() const {
    return settings_.path.empty() ? std::nullopt : std::optional(status_);
  }

 private:
  struct Written {
    common::Result<uint64_t> bytes;
    int64_t took_ms;
  };

  void begin();
  void note(const Written& written);

  uv_loop_t* const loop_;
  Settings settings_;
  const SwarmStore& store_;
  const ClusterClock& clock_;
  Timer timer_;
  Job job_;
  ExportStatus status_;
};

}  // namespace shoal::node
