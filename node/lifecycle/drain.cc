#include "node/lifecycle/drain.h"

#include <string>
#include <utility>

#include "common/log.h"

namespace shoal::node {

Drain::Drain(uv_loop_t* loop, uint32_t drain_s, std::function<void()> stop)
    : drain_s_(drain_s), stop_(std::move(stop)), timer_(loop, [this] {
        phase_ = Phase::stopping;
        stop_();
      }) {}

bool Drain::begin(std::string_view cause) {
  if (phase_ != Phase::serving) return false;
  phase_ = Phase::draining;
  begun_.store(true, std::memory_order_relaxed);
  common::log_line(common::LogLevel::info, "draining",
                   {{"cause", std::string(cause)}, {"seconds", std::to_string(drain_s_)}});
  timer_.start(uint64_t{drain_s_} * 1000);
  return true;
}

}  // namespace shoal::node
