// ReadinessLog: a log line when the node becomes ready, when it no longer is, and what it waits for at first.
// Control thread only.

#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <string>

#include "node/net/timer.h"
#include "node/status/readiness.h"

namespace shoal::node {

class ReadinessLog {
 public:
  ReadinessLog(uv_loop_t* loop, std::function<Readiness()> readiness);
  ReadinessLog(const ReadinessLog&) = delete;
  ReadinessLog& operator=(const ReadinessLog&) = delete;

  // Looks at the readiness from now on.
  void start();

  // For good: before a drain, which has a line of its own.
  void close() { timer_.close(); }

 private:
  void look();

  const std::function<Readiness()> readiness_;
  Timer timer_;
  int64_t since_ms_ = 0;  // by monotonic_ms(): not ready since then
  bool ready_ = false;
  bool waits_ = false;  // what it waits for has been logged
};

}  // namespace shoal::node
