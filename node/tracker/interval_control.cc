#include "node/tracker/interval_control.h"

#include <cmath>
#include <utility>

#include "node/os/monotonic.h"

namespace shoal::node {

namespace {

constexpr uint64_t kAdaptEveryS = 1;

AdaptiveInterval::Settings adaptive_settings(const Options::Tracker& options) {
  return {.interval_s = options.interval_s,
          .interval_max_s = options.interval_max_s,
          .target_rps = options.target_rps};
}

}  // namespace

IntervalControl::IntervalControl(uv_loop_t* loop, const Options::Tracker& options)
    : adapts_(options.target_rps > 0),
      adaptive_(adaptive_settings(options)),
      interval_s_(options.interval_s),
      timer_(loop, [this] { adapt(); }) {}

void IntervalControl::start(std::vector<const WorkerCounters*> workers, SyncDriver* sync) {
  workers_ = std::move(workers);
  sync_ = sync;
  timer_.start_every_s(kAdaptEveryS);
}

void IntervalControl::set(const Options::Tracker& options) {
  const bool adapted = std::exchange(adapts_, options.target_rps > 0);
  if (adapts_ && adapted) {
    adaptive_.set(adaptive_settings(options));
  } else if (adapts_) {
    adaptive_ = AdaptiveInterval(adaptive_settings(options));
  }
  interval_s_.store(adapts_ ? adaptive_.interval_s() : options.interval_s, std::memory_order_relaxed);
}

void IntervalControl::adapt() {
  uint64_t announces = 0;
  for (const WorkerCounters* worker : workers_) announces += worker->announce.all();
  const int64_t now_us = monotonic_us();
  const double ours = announces_.read(announces, now_us);
  double everyones = ours;
  std::vector<uint32_t> others_s;
  if (sync_ != nullptr) {
    for (const sync::MemberStatus& member : sync_->status().members) {
      if (member.state != sync::MemberState::alive) continue;
      everyones += member.announces_per_s;
      if (member.interval_s > 0) others_s.push_back(member.interval_s);
    }
  }
  if (adapts_) {
    adaptive_.step(now_us, everyones, others_s);
    interval_s_.store(adaptive_.interval_s(), std::memory_order_relaxed);
  }
  if (sync_ == nullptr) return;
  const bool told = adapts_ && adaptive_.settled();
  sync_->announce_client_load(static_cast<uint32_t>(std::lround(ours)), told ? adaptive_.interval_s() : 0);
}

}  // namespace shoal::node
