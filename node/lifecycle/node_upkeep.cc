#include "node/lifecycle/node_upkeep.h"

#include <algorithm>
#include <utility>

#include "node/os/monotonic.h"

namespace shoal::node {

namespace {

// Between two slices.
constexpr uint64_t kPauseMs = 1;

}  // namespace

NodeUpkeep::NodeUpkeep(uv_loop_t* loop, SwarmStore& store, const ClusterClock& clock, const HeapPages& heap,
                       Hooks hooks)
    : clock_(clock),
      hooks_(std::move(hooks)),
      upkeep_(store, heap),
      due_timer_(loop, [this] { group_due(); }),
      slice_timer_(loop, [this] { run_slice(); }),
      history_timer_(loop, [this] { note_history(); }) {}

void NodeUpkeep::start() {
  const auto period_ms =
      static_cast<uint64_t>(std::max<int64_t>(1, clock_.tick_ms() / Upkeep::kSlicesPerTick));
  due_timer_.start(period_ms, period_ms);
  history_timer_.start(0, kHistoryStepMs);
}

void NodeUpkeep::stop() {
  for (Timer* timer : {&due_timer_, &slice_timer_, &history_timer_}) timer->close();
}

void NodeUpkeep::group_due() {
  hooks_.before_slices();
  upkeep_.add_due();
  run_slice();
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
