#include "node/lifecycle/node_upkeep.h"

#include <algorithm>
#include <utility>

#include "node/os/monotonic.h"

namespace shoal::node {

namespace {

// Between two slices.
constexpr uint64_t kPauseMs = 1;

// Ticks this long, or longer, are not missed by a second.
constexpr int64_t kLongTickMs = 8'000;

}  // namespace

NodeUpkeep::NodeUpkeep(uv_loop_t* loop, SwarmStore& store, const ClusterClock& clock, const HeapPages& heap,
                       Hooks hooks)
    : store_(store),
      clock_(clock),
      hooks_(std::move(hooks)),
      upkeep_(store, heap),
      period_ms_(std::max<int64_t>(1, clock.tick_ms() / Upkeep::kSlicesPerTick)),
      due_timer_(loop, [this] { group_due(); }),
      slice_timer_(loop, [this] { run_slice(); }),
      history_timer_(loop, [this] { note_history(); }) {}

void NodeUpkeep::start() {
  counted_until_ms_ = monotonic_ms();
  plan();
  history_timer_.start(0, kHistoryStepMs);
}

void NodeUpkeep::stop() {
  for (Timer* timer : {&due_timer_, &slice_timer_, &history_timer_}) timer->close();
}

void NodeUpkeep::group_due() {
  hooks_.before_slices();
  const int64_t groups = (monotonic_ms() - counted_until_ms_) / period_ms_;
  counted_until_ms_ += groups * period_ms_;
  for (int64_t i = 0; i < std::min(groups, Upkeep::kSlicesPerTick); ++i) upkeep_.add_due();
  run_slice();
  plan();
}

void NodeUpkeep::plan() {
  const bool little = store_.record_count() < Upkeep::kSliceRecordsMax;
  if (little && clock_.tick_ms() >= kLongTickMs) return due_timer_.start_at_second();
  const int64_t next_ms = counted_until_ms_ + period_ms_;
  due_timer_.start(static_cast<uint64_t>(std::max<int64_t>(1, next_ms - monotonic_ms())));
}

void NodeUpkeep::run_slice() {
  if (upkeep_.run_slice(clock_.tick())) slice_timer_.start(kPauseMs);
  trim_.step(monotonic_ms());
}

void NodeUpkeep::note_history() {
  const NodeState state = hooks_.state();
  const int64_t now_ms = monotonic_ms();
  history_.add(now_ms, ClusterClock::wall_ms(), series_of(state), timings_of(state));
  faults_.add(now_ms, fault_counts(state));
}

}  // namespace shoal::node
