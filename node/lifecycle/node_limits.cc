#include "node/lifecycle/node_limits.h"

#include <string>

#include "common/log.h"
#include "node/cluster/node_keys.h"
#include "node/os/monotonic.h"

namespace shoal::node {

namespace {

constexpr uint64_t kLogEveryMs = 1'000;

}  // namespace

NodeLimits::NodeLimits(uv_loop_t* loop, SwarmStore& store, const Counters& workers,
                       const Options::Limits& limits)
    : store_(store), workers_(workers), requests_(random_key()), timer_(loop, [this] { log_hits(); }) {
  apply(limits);
  timer_.start(kLogEveryMs, kLogEveryMs);
}

void NodeLimits::apply(const Options::Limits& limits) {
  store_.set_limits({limits.swarms, limits.peers, limits.peers_per_swarm});
  requests_.set(limits.requests_per_s_per_address, limits.requests_per_s_per_prefix);
  connections_.set_max(limits.connections_per_address);
}

void NodeLimits::log_hits() {
  for (const LimitLog::Line& line : log_.lines(hits(), monotonic_ms())) {
    common::log_line(common::LogLevel::warn, "a limit is being hit",
                     {{"limit", std::string(line.limit)}, {"times", std::to_string(line.hits)}});
  }
}

}  // namespace shoal::node
