// Drain: the end of a node in phases. It serves until it is asked to stop; then it drains: it still serves,
// but is "not ready", so that load balancers have time to send clients elsewhere; then it stops. Control
// thread only.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>

#include "node/net/timer.h"
#include "node/status/readiness.h"

namespace shoal::node {

class Drain {
 public:
  // `stop` is called once, from the loop, when the node has drained for `drain_s`.
  Drain(uv_loop_t* loop, uint32_t drain_s, std::function<void()> stop);
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;

  // `cause` is for the log. False: it had begun before, and this call changes nothing.
  bool begin(std::string_view cause);

  // Counts for a drain that begins later.
  void set_drain_s(uint32_t drain_s) { drain_s_ = drain_s; }

  Phase phase() const { return phase_; }

  // True from begin() on; any thread.
  const std::atomic<bool>& begun() const { return begun_; }

  // `stop` will not be called any more.
  void close() { timer_.close(); }

 private:
  uint32_t drain_s_;
  const std::function<void()> stop_;
  Timer timer_;
  Phase phase_ = Phase::serving;
  std::atomic<bool> begun_{false};
};

}  // namespace shoal::node
