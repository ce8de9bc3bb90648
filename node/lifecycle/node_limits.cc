#include "node/lifecycle/node_limits.h"

#include <string>
#include <utility>

#include "common/log.h"
#include "node/cluster/node_keys.h"
#include "node/os/monotonic.h"

namespace shoal::node {

namespace {

constexpr uint64_t kLogEveryS = 1;

}  // namespace

uint64_t store_memory_bytes(const Options::Limits& limits, const MemoryLimit& allowed) {
  if (limits.memory_mb != 0) return uint64_t{limits.memory_mb} << 20;
  return allowed.bytes / kStoreShareDivisor;
}

NodeLimits::NodeLimits(uv_loop_t* loop, SwarmStore& store, const Counters& workers,
                       const Options::Limits& limits, MemoryLimit memory)
    : memory_(std::move(memory)),
      store_(store),
      workers_(workers),
      requests_(random_key()),
      timer_(loop, [this] { log_hits(); }) {
  handshakes_.set_max(kHandshakesPerAddress);
  apply(limits);
  log_memory(limits);
  timer_.start_every_s(kLogEveryS);
}

void NodeLimits::apply(const Options::Limits& limits) {
  store_.set_limits(
      {limits.swarms, limits.peers, limits.peers_per_swarm, store_memory_bytes(limits, memory_)});
  requests_.set(limits.requests_per_s_per_address, limits.requests_per_s_per_prefix);
  connections_.set_max(limits.connections_per_address);
}

void NodeLimits::log_memory(const Options::Limits& limits) const {
  const uint64_t bytes = store_memory_bytes(limits, memory_);
  const auto mib = [](uint64_t of) { return std::to_string(of >> 20); };
  if (bytes == 0) {
    common::log_line(common::LogLevel::warn,
                     "swarms and peers may take any amount of memory: how much there is cannot be read; "
                     "set limits.memory_mb");
    return;
  }
  common::log_line(common::LogLevel::info, "memory for swarms and peers",
                   {{"mib", mib(bytes)},
                    {"by", limits.memory_mb != 0 ? "limits.memory_mb" : "half of what may be used"},
                    {"may_be_used_mib", memory_.bytes == 0 ? "unknown" : mib(memory_.bytes)},
                    {"from", memory_.from}});
  if (memory_.bytes != 0 && bytes > memory_.bytes / 4 * 3) {
    common::log_line(common::LogLevel::warn,
                     "limits.memory_mb leaves less than a quarter of the memory for all else: the kernel "
                     "may end this process",
                     {{"limits.memory_mb", mib(bytes)}, {"may_be_used_mib", mib(memory_.bytes)}});
  }
}

void NodeLimits::log_hits() {
  for (const LimitLog::Line& line : log_.lines(hits(), monotonic_ms())) {
    common::log_line(common::LogLevel::warn, "a limit is being hit",
                     {{"limit", std::string(line.limit)}, {"times", std::to_string(line.hits)}});
  }
}

}  // namespace shoal::node
