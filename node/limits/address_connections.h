// AddressConnections: limits.connections_per_address: how many HTTP connections each client has, an IPv4
// address or an IPv6 /64, with all workers together. It remembers those that are connected and no others, so
// it is as large as limits.connections allows. Any thread.

#pragma once

#include <atomic>
#include <cstdint>
#include <map>

#include "common/endpoint.h"
#include "node/limits/client_prefix.h"
#include "node/os/mutex.h"

namespace shoal::node {

class AddressConnections {
 public:
  // In force for new connections; 0: no limit, and nothing is counted.
  void set_max(uint32_t max) { max_.store(max, std::memory_order_relaxed); }

  enum class Entry : uint8_t { uncounted, counted, refused };

  // One connection more. To be followed by leave() with the same address where it is counted.
  Entry enter(const common::Endpoint& client);
  void leave(const common::Endpoint& client);

 private:
  std::atomic<uint32_t> max_{0};
  Mutex mutex_;
  std::map<ClientPrefix, uint32_t> connections_ GUARDED_BY(mutex_);  // none are 0
};

}  // namespace shoal::node
