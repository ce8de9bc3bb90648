#include "node/scan/top_swarms.h"

#include <algorithm>

namespace shoal::node {

bool TopSwarms::before(const Scored& a, const Scored& b) {
  return a.score != b.score ? a.score > b.score : a.swarm.info_hash < b.swarm.info_hash;
}

void TopSwarms::add(const proto::ScrapedSwarm& swarm, uint64_t score) {
  if (score == 0 || (heap_.size() == amount_ && score <= heap_.front().score)) return;
  if (heap_.size() == amount_) {
    std::pop_heap(heap_.begin(), heap_.end(), before);
    heap_.pop_back();
  }
  heap_.push_back({score, swarm});
  std::push_heap(heap_.begin(), heap_.end(), before);
}

std::vector<proto::ScrapedSwarm> TopSwarms::take() {
  std::sort_heap(heap_.begin(), heap_.end(), before);
  std::vector<proto::ScrapedSwarm> out;
  for (const Scored& scored : heap_) out.push_back(scored.swarm);
  heap_.clear();
  return out;
}

}  // namespace shoal::node
