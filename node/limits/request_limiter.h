// RequestLimiter: limits.requests_per_s_per_address and ..._per_prefix: the maximum request rates of a client
// and of a network. All workers share one object, so the limits apply to the whole node, however a client's
// packets are spread over the workers. Any thread, except set().

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
  // `key`: secret, so that nobody can choose addresses that share a bucket.
  explicit RequestLimiter(const common::SipKey& key) : key_(key) {}

  // Applies from now on; 0: no limit, at most RateTable::kPerSecondMax. Control thread. Allocates a table
  // only when its limit is first set.
  void set(uint32_t per_s_per_address, uint32_t per_s_per_prefix);

  // Whether any limit is set.
  bool on() const {
    return (per_address_.load(std::memory_order_acquire) | per_prefix_.load(std::memory_order_acquire)) != 0;
  }

  // Counts a request, or returns the limit that it exceeds. A client over its own limit does not charge its
  // network's bucket.
  Limit charge(const common::Endpoint& client, uint64_t now_us);

  // Returns what charge() would return, and counts nothing.
  Limit check(const common::Endpoint& client, uint64_t now_us) const;

 private:
  const common::SipKey key_;
  std::unique_ptr<RateTable> addresses_;  // set before per_address_ is not 0
  std::unique_ptr<RateTable> prefixes_;   // set before per_prefix_ is not 0
  std::atomic<uint32_t> per_address_{0};
  std::atomic<uint32_t> per_prefix_{0};
};

}  // namespace shoal::node
