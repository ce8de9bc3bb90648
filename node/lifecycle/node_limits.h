// NodeLimits: the limits in force on a node, and the log lines about those that are hit. It owns the
// limiters, which any thread may ask; everything else is for the control thread only.
//
// limits.connections is not here: it depends on how many files the process may open, and is set once, at
// start.

#pragma once

#include <memory>
#include <vector>

#include "node/config/options.h"
#include "node/limits/address_connections.h"
#include "node/limits/request_limiter.h"
#include "node/net/timer.h"
#include "node/os/memory_limit.h"
#include "node/status/limit_log.h"
#include "node/store/swarm_store.h"
#include "node/tracker/worker_counters.h"

namespace shoal::node {

// What swarms and peers may take of the memory that the process may use, unless limits.memory_mb says
// otherwise. The rest is for connections, sync, dumps, the allocator's losses and the kernel's buffers, which
// a control group counts too.
constexpr uint64_t kStoreShareDivisor = 2;

// TLS handshakes under way: of one client, behind whose address may be many; and of all, divided among the
// workers, which have at least so many each. One takes up to 40 KiB.
constexpr uint32_t kHandshakesPerAddress = 128;
constexpr size_t kHandshakesMax = 2048;
constexpr size_t kHandshakesMin = 256;

// 0: no limit, as neither the option nor the system names any.
uint64_t store_memory_bytes(const Options::Limits& limits, const MemoryLimit& allowed);

class NodeLimits {
 public:
  using Counters = std::vector<std::unique_ptr<WorkerCounters>>;

  // Applies `limits`, and logs what they are for memory. Store and counters outlive the object.
  NodeLimits(uv_loop_t* loop, SwarmStore& store, const Counters& workers, const Options::Limits& limits,
             MemoryLimit memory);
  NodeLimits(const NodeLimits&) = delete;
  NodeLimits& operator=(const NodeLimits&) = delete;

  // In force from now on, except limits.connections. Peers, swarms and connections beyond a new limit stay.
  void apply(const Options::Limits& limits);

  RequestLimiter* requests() { return &requests_; }
  AddressConnections* connections() { return &connections_; }
  AddressConnections* handshakes() { return &handshakes_; }

  LimitHits hits() const { return limit_hits(workers_, store_); }

  // Logs no more.
  void close() { timer_.close(); }

 private:
  void log_hits();
  void log_memory(const Options::Limits& limits) const;

  const MemoryLimit memory_;  // what the process may use, as read at start
  SwarmStore& store_;
  const Counters& workers_;
  RequestLimiter requests_;
  AddressConnections connections_;
  AddressConnections handshakes_;
  LimitLog log_;
  Timer timer_;
};

}  // namespace shoal::node
