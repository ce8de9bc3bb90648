#include "node/status/timings.h"

#include "node/status/node_state.h"

namespace shoal::node {

namespace {

using common::TimeHistogram;
using sync::LagHistogram;

constexpr std::array<std::string_view, kTimings> kTimingNames = {"udp", "http", "lag"};

static_assert(TimeHistogram::kBoundsUs.size() < Timings::kRangesMax);
static_assert(LagHistogram::kBoundsMs.size() < Timings::kRangesMax);

size_t bounds_of(Timing timing) {
  return timing == Timing::lag ? LagHistogram::kBoundsMs.size() : TimeHistogram::kBoundsUs.size();
}

double bound_us(Timing timing, size_t range) {
  return timing == Timing::lag ? 1000.0 * LagHistogram::kBoundsMs[range] : TimeHistogram::kBoundsUs[range];
}

void add_counts(const TimeHistogram& histogram, std::array<uint64_t, Timings::kRangesMax>& counts) {
  for (size_t i = 0; i <= TimeHistogram::kBoundsUs.size(); ++i) counts[i] += histogram.count(i);
}

}  // namespace

std::string_view to_string(Timing timing) { return kTimingNames[static_cast<size_t>(timing)]; }

Timings timings_of(const NodeState& state) {
  Timings out;
  const auto of = [&](Timing timing) -> auto& { return out.counts[static_cast<size_t>(timing)]; };
  for (const WorkerCounters* worker : state.workers) {
    for (const UdpCounters& udp : worker->udp) add_counts(udp.request_time, of(Timing::udp));
    add_counts(worker->http.request_time, of(Timing::http));
  }
  if (state.sync) {
    const auto& lag = state.sync->stats.lag.counts;
    for (size_t i = 0; i < lag.size(); ++i) of(Timing::lag)[i] = lag[i];
  }
  return out;
}

double longest_us(Timing timing) { return bound_us(timing, bounds_of(timing) - 1); }

std::optional<double> percentile_us(Timing timing, const Timings& before, const Timings& now, double share) {
  const auto& from = before.counts[static_cast<size_t>(timing)];
  const auto& to = now.counts[static_cast<size_t>(timing)];
  uint64_t all = 0;
  for (size_t i = 0; i <= bounds_of(timing); ++i) all += to[i] - from[i];
  if (all == 0) return std::nullopt;
  double left = share * static_cast<double>(all);
  double low = 0;
  for (size_t i = 0; i < bounds_of(timing); ++i) {
    const double high = bound_us(timing, i);
    const auto count = static_cast<double>(to[i] - from[i]);
    if (count > 0 && left <= count) return low + (high - low) * left / count;
    left -= count;
    low = high;
  }
  return longest_us(timing);
}

Latency latency_between(const Timings& before, const Timings& now) {
  Latency out;
  for (size_t i = 0; i < kTimings; ++i) {
    const auto timing = static_cast<Timing>(i);
    const auto at = [&](double share) { return percentile_us(timing, before, now, share); };
    if (const auto p50 = at(0.5)) out[i] = Percentiles{*p50, *at(0.95), *at(0.99)};
  }
  return out;
}

}  // namespace shoal::node
