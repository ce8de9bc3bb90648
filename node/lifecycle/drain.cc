#include "node/lifecycle/drain.h"

#include <string>
#include <utility>

#include "common/check.h"
#include "common/log.h"

namespace shoal::node {

Drain::Drain(uv_loop_t* loop, uint32_t drain_s, std::function<void()> stop)
    : drain_s_(drain_s), stop_(std::move(stop)) {
  CHECK_INVARIANT(uv_timer_init(loop, &timer_) == 0);
  timer_.data = this;
}

bool Drain::begin(std::string_view cause) {
  if (phase_ != Phase::serving) return false;
  phase_ = Phase::draining;
  begun_.store(true, std::memory_order_relaxed);
  common::log_line(common::LogLevel::info, "draining",
                   {{"cause", std::string(cause)}, {"seconds", std::to_string(drain_s_)}});
  const auto over = [](uv_timer_t* timer) {
    Drain& drain = *static_cast<Drain*>(timer->data);
    drain.phase_ = Phase::stopping;
    drain.stop_();
  };
  uv_update_time(timer_.loop);
  CHECK_INVARIANT(uv_timer_start(&timer_, over, uint64_t{drain_s_} * 1000, 0) == 0);
  return true;
}

void Drain::close() { uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr); }

}  // namespace shoal::node
