#include "node/lifecycle/readiness_log.h"

#include <utility>

#include "common/log.h"
#include "node/os/monotonic.h"

namespace shoal::node {

using common::log_line;
using common::LogLevel;

namespace {

// How often it looks until the node is ready; then each second.
constexpr uint64_t kLookWaitingMs = 200;

}  // namespace

ReadinessLog::ReadinessLog(uv_loop_t* loop, std::function<Readiness()> readiness)
    : readiness_(std::move(readiness)), timer_(loop, [this] { look(); }) {}

void ReadinessLog::start() {
  since_ms_ = monotonic_ms();
  timer_.start(0);
}

void ReadinessLog::look() {
  const Readiness now = readiness_();
  if (now.ready && !ready_) {
    log_line(LogLevel::info, "ready", {{"after_ms", std::to_string(monotonic_ms() - since_ms_)}});
  } else if (!now.ready && ready_) {
    since_ms_ = monotonic_ms();
    log_line(LogLevel::warn, "no longer ready", {{"reason", now.reason}});
  } else if (!now.ready && !waits_) {
    log_line(LogLevel::info, "not ready yet", {{"reason", now.reason}});
  }
  ready_ = now.ready;
  waits_ = true;
  if (ready_) return timer_.start_at_second();
  timer_.start(kLookWaitingMs);
}

}  // namespace shoal::node
