#include "node/scan/exporter.h"

#include <utility>

#include "common/check.h"
#include "common/log.h"
#include "node/os/monotonic.h"
#include "node/os/thread_priority.h"
#include "node/scan/dump_file.h"

namespace shoal::node {

using common::log_line;
using common::LogLevel;

Exporter::Exporter(uv_loop_t* loop, Settings settings, const SwarmStore& store, const ClusterClock& clock)
    : loop_(loop), store_(store), clock_(clock), timer_(loop, [this] { begin(); }) {
  work_.data = this;
  set(std::move(settings));
}

void Exporter::set(Settings settings) {
  if (settings == settings_) return;
  settings_ = std::move(settings);
  timer_.stop();
  if (settings_.path.empty()) return;
  const uint64_t period_ms = uint64_t{settings_.interval_s} * 1000;
  timer_.start(period_ms, period_ms);
}

void Exporter::stop() {
  stopping_.store(true, std::memory_order_relaxed);
  timer_.close();
}

void Exporter::begin() {
  if (working_) return;  // a slow disk
  working_ = true;
  written_ = settings_;
  CHECK_INVARIANT(
      uv_queue_work(
          loop_, &work_, [](uv_work_t* work) { static_cast<Exporter*>(work->data)->write(); },
          [](uv_work_t* work, int /*status*/) { static_cast<Exporter*>(work->data)->written(); }) == 0);
}

void Exporter::write() {
  lower_thread_priority();
  const int64_t start_ms = monotonic_ms();
  result_ = write_dump_file(written_.path, written_.format, store_, clock_.unix_ms() / 60'000, stopping_);
  took_ms_ = monotonic_ms() - start_ms;
}

void Exporter::written() {
  working_ = false;
  if (*result_) {
    ++status_.written;
    status_.last_unix_ms = clock_.unix_ms();
    status_.last_bytes = **result_;
    status_.last_took_ms = took_ms_;
    log_line(LogLevel::debug, "swarms exported",
             {{"bytes", std::to_string(**result_)}, {"took_ms", std::to_string(took_ms_)}});
  } else if (!stopping_.load(std::memory_order_relaxed)) {
    ++status_.failed;
    log_line(LogLevel::error, "swarms not exported, the old file stays",
             {{"reason", result_->error().message}});
  }
}

}  // namespace shoal::node
