// RequestLimiter: limits.requests_per_s_per_address and ..._per_prefix: how much one client, and one network,
// may ask for. All workers share one, so the limits hold for the node, however a client's packets are spread
// over the workers. Any thread, except set().

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "common/endpoint.h"
#include "common/siphash.h"
#include "node/limits/limit.h"
#include "node/limits/rate_table.h"

namespace shoal::node {

class RequestLimiter {
 public:
  // `key`: secret, so that nobody can choose addresses that share a place.
  explicit RequestLimiter(const common::SipKey& key) : key_(key) {}

  // Applies from now on; 0: no limit, at most RateTable::kPerSecondMax. Control thread. Allocates a table
  // only when its limit is first set.
  void set(uint32_t per_s_per_address, uint32_t per_s_per_prefix);

  // Whether any limit is set.
  bool on() const {
    return (per_address_.load(std::memory_order_acquire) | per_prefix_.load(std::memory_order_acquire)) != 0;
  }

  // Counts one more request, or returns the limit it exceeds. A client over its own limit does not use up its
  // network's.
  Limit take(const common::Endpoint& client, uint64_t now_us);

  // What take() would return.
  Limit look(const common::Endpoint& client, uint64_t now_us) const;

 private:
  const common::SipKey key_;
  std::unique_ptr<RateTable> addresses_;  // there before per_address_ is not 0
  std::unique_ptr<RateTable> prefixes_;   // there before per_prefix_ is not 0
  std::atomic<uint32_t> per_address_{0};
  std::atomic<uint32_t> per_prefix_{0};
};

}  // namespace shoal::node
