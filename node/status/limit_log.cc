#include "node/status/limit_log.h"

namespace shoal::node {

LimitHits limit_hits(const std::vector<std::unique_ptr<WorkerCounters>>& workers, const SwarmStore& store) {
  LimitHits hits{};
  for (const auto& worker : workers) {
    for (size_t i = 0; i < kLimits; ++i) hits[i] += worker->announce.limits[i].value();
    hits[index_of(Limit::connections)] += worker->http.closed_for_room.value();
    hits[index_of(Limit::connections_per_address)] += worker->http.refused_per_address.value();
  }
  const MergesRefused refused = store.merges_refused();
  hits[index_of(Limit::merged_swarms)] = refused.swarms;
  hits[index_of(Limit::merged_peers)] = refused.peers;
  hits[index_of(Limit::merged_memory)] = refused.memory;
  hits[index_of(Limit::memory)] += store.evicted_swarms();
  return hits;
}

std::vector<LimitLog::Line> LimitLog::lines(const LimitHits& hits, int64_t now_ms) {
  std::vector<Line> lines;
  for (size_t i = 1; i < kLimits; ++i) {
    Told& told = told_[i];
    if (hits[i] == told.hits || (told.at_ms && now_ms - *told.at_ms < kEveryMs)) continue;
    lines.push_back({kLimitNames[i], hits[i] - told.hits});
    told = {hits[i], now_ms};
  }
  return lines;
}

}  // namespace shoal::node
