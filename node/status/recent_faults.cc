#include "node/status/recent_faults.h"

#include "node/status/node_state.h"

namespace shoal::node {

FaultCounts FaultCounts::operator-(const FaultCounts& before) const {
  FaultCounts out;
  for (size_t i = 0; i < kFaults; ++i) out.counts_[i] = counts_[i] - before.counts_[i];
  return out;
}

FaultCounts fault_counts(const NodeState& state) {
  FaultCounts out;
  out[Fault::deltas_dropped] = state.queue_dropped;
  for (const WorkerCounters* worker : state.workers) {
    for (const UdpCounters& udp : worker->udp) out[Fault::answers_dropped] += udp.dropped_send.value();
  }
  if (state.sync) out[Fault::stalls] = state.sync->stats.stalls;
  if (state.snapshot) {
    out[Fault::snapshots_failed] = state.snapshot->failed;
    out[Fault::snapshots_refused] = state.snapshot->refused;
  }
  if (state.exports) out[Fault::exports_failed] = state.exports->failed;
  out[Fault::access_states_failed] = state.access.state_writes_failed;
  out[Fault::access_changes_refused] = state.access.refused_changes;
  if (state.sync) out[Fault::access_changes_refused] += state.sync->stats.access.changes_refused;
  out[Fault::access_lines_bad] = state.access.bad_lines;
  for (size_t i = 1; i < proto::kOffences; ++i) {
    out[Fault::bans_made] += state.bans.made[i];
    out[Fault::bans_would_be_made] += state.bans.made_dry[i];
  }
  out[Fault::bans_dropped] = state.bans.dropped;
  if (state.sync) out[Fault::bans_dropped] += state.sync->stats.bans.changes_refused;
  for (size_t i = 0; i < kLimits; ++i) out[static_cast<Limit>(i)] = state.limit_hits[i];
  return out;
}

void RecentFaults::add(int64_t mono_ms, const FaultCounts& now) {
  if (added_ms_ && mono_ms < *added_ms_ + kStepMs) return;
  added_ms_ = mono_ms;
  by_minute_.push_back(now);
  if (by_minute_.size() > kMinutesMax) by_minute_.pop_front();
}

FaultCounts RecentFaults::of_last(size_t minutes, const FaultCounts& now) const {
  if (by_minute_.size() < minutes) return now;
  return now - by_minute_[by_minute_.size() - minutes];
}

}  // namespace shoal::node
