// AddressConnections: counts the HTTP connections of each client, an IPv4 address or an IPv6 /64, over all
// workers, for limits.connections_per_address; another one counts those in a TLS handshake. It remembers only
// clients that are connected, so limits.connections bounds its size. Any thread.

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
  // Applies to new connections; 0: no limit, and nothing is counted.
  void set_max(uint32_t max) { max_.store(max, std::memory_order_relaxed); }

  enum class Entry : uint8_t { uncounted, counted, refused };

  // Counts one more connection. If it was counted, call leave() with the same address when it closes.
  Entry enter(const common::Endpoint& client);
  void leave(const common::Endpoint& client);

 private:
  std::atomic<uint32_t> max_{0};
  Mutex mutex_;
  std::map<ClientPrefix, uint32_t> connections_ GUARDED_BY(mutex_);  // none are 0
};

}  // namespace shoal::node
