#include "node/snapshot/snapshot_keeper.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>

#include "common/check.h"
#include "common/log.h"
#include "node/os/monotonic.h"
#include "node/os/surroundings.h"
#include "node/os/thread_priority.h"
#include "node/text/printable.h"

namespace shoal::node {

using common::log_line;
using common::LogLevel;

SnapshotKeeper::SnapshotKeeper(uv_loop_t* loop, Settings settings, SwarmStore& store,
                               const ClusterClock& clock)
    : settings_(std::move(settings)), store_(store), clock_(clock), interval_s_(settings_.interval_s) {
  require_system(
      uv_async_init(loop, &async_,
                    [](uv_async_t* async) { static_cast<SnapshotKeeper*>(async->data)->report(); }),
      "make a wake-up");
  async_.data = this;
  thread_ = start_thread([this] { run(); });
}

SnapshotKeeper::~SnapshotKeeper() { CHECK_INVARIANT(!thread_.joinable()); }

// Runs on the loop. Reports what the thread has done.
void SnapshotKeeper::report() {
  bool merged = false;
  bool ended = false;
  {
    const Lock lock(mutex_);
    merged = std::exchange(merged_, false) && !finishing_;
    ended = ended_;
  }
  if (merged) loaded_(file_held_.load(std::memory_order_relaxed));
  if (!ended) return;
  thread_.join();
  uv_close(reinterpret_cast<uv_handle_t*>(&async_), nullptr);
  done_();
}

void SnapshotKeeper::load(std::function<void(bool)> done) {
  loaded_ = std::move(done);
  const Lock lock(mutex_);
  load_wanted_ = true;
  status_.loading_percent = 0;
  wake_.notify_one();
}

void SnapshotKeeper::finish(std::function<void()> done) {
  done_ = std::move(done);
  const Lock lock(mutex_);
  finishing_ = true;
  wake_.notify_one();
}

void SnapshotKeeper::set_interval_s(uint32_t interval_s) {
  const Lock lock(mutex_);
  interval_s_ = interval_s;
  wake_.notify_one();
}

SnapshotStatus SnapshotKeeper::status() const {
  const Lock lock(mutex_);
  SnapshotStatus status = status_;
  status.interval_s = interval_s_;
  if (status.loading_percent) status.loading_percent = percent_.load(std::memory_order_relaxed);
  return status;
}

void SnapshotKeeper::run() {
  if (wait_to_load()) {
    merge();
    lower_thread_priority();
    while (wait()) write();
    write();
  }
  {
    const Lock lock(mutex_);
    ended_ = true;
  }
  uv_async_send(&async_);
}

bool SnapshotKeeper::wait_to_load() {
  const Lock lock(mutex_);
  while (!load_wanted_ && !finishing_) wake_.wait(mutex_);
  return load_wanted_;
}

// Waits for the next write. False: it is the last one.
bool SnapshotKeeper::wait() {
  const int64_t begun_ms = monotonic_ms();
  const Lock lock(mutex_);
  while (!finishing_) {
    const int64_t left_ms = begun_ms + int64_t{interval_s_} * 1000 - monotonic_ms();
    if (interval_s_ == 0) {
      wake_.wait(mutex_);
    } else if (left_ms <= 0) {
      return true;
    } else {
      wake_.wait_for(mutex_, std::chrono::milliseconds(left_ms));
    }
  }
  return false;
}

void SnapshotKeeper::merge() {
  const int64_t start_ms = monotonic_ms();
  const auto loaded = load_snapshot(settings_.path, settings_.identity, store_, clock_, percent_);
  const std::string path = printable(settings_.path);
  if (!loaded) {
    const std::string aside = settings_.path + ".bad";
    const bool moved = std::rename(settings_.path.c_str(), aside.c_str()) == 0;
    log_line(LogLevel::warn, "snapshot ignored",
             {{"path", path},
              {"reason", loaded.error().message},
              {"kept_as", moved ? printable(aside) : "not kept: " + std::string(std::strerror(errno))}});
  } else if (*loaded) {
    const SnapshotLoaded& file = **loaded;
    file_held_.store(file.header.held, std::memory_order_relaxed);
    log_line(LogLevel::info, "snapshot loaded",
             {{"path", path},
              {"records", std::to_string(file.records)},
              {"expired", std::to_string(file.expired)},
              {"age_s", std::to_string((clock_.unix_ms() - file.header.written_unix_ms) / 1000)},
              {"took_ms", std::to_string(monotonic_ms() - start_ms)}});
    if (file.left_out_records > 0) {
      log_line(LogLevel::warn, "part of the snapshot finds no room: the largest and newest swarms are loaded",
               {{"swarms_left_out", std::to_string(file.left_out_swarms)},
                {"records_left_out", std::to_string(file.left_out_records)}});
    }
  } else {
    log_line(LogLevel::info, "no snapshot yet", {{"path", path}});
  }
  const Lock lock(mutex_);
  status_.loading_percent.reset();
  status_.refused = loaded ? 0 : 1;
  if (loaded && *loaded) {
    status_.loaded = (*loaded)->merged;
    status_.left_out = (*loaded)->left_out_records;
  }
  merged_ = true;
  uv_async_send(&async_);
}

void SnapshotKeeper::write() {
  const int64_t start_ms = monotonic_ms();
  const bool held = held_.load(std::memory_order_relaxed) || file_held_.load(std::memory_order_relaxed);
  const auto written = write_snapshot(settings_.path, settings_.identity, store_, clock_, held);
  const int64_t took_ms = monotonic_ms() - start_ms;
  if (written) {
    log_line(LogLevel::debug, "snapshot written",
             {{"path", printable(settings_.path)},
              {"records", std::to_string(written->records)},
              {"bytes", std::to_string(written->bytes)},
              {"took_ms", std::to_string(took_ms)}});
  } else {
    log_line(LogLevel::error, "cannot write the snapshot; the old one stays",
             {{"reason", written.error().message}});
  }
  const Lock lock(mutex_);
  if (!written) {
    ++status_.failed;
    return;
  }
  ++status_.written;
  status_.last_unix_ms = clock_.unix_ms();
  status_.last_records = written->records;
  status_.last_bytes = written->bytes;
  status_.last_took_ms = took_ms;
}

}  // namespace shoal::node
