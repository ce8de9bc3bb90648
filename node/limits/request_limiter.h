// RequestLimiter: limits.requests_per_s_per_address and ..._per_prefix: how much one client, and one network,
// may ask for. One for all workers, so the limits hold for the node, however a client's packets are spread
// over the workers. Any thread, but for set().

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

  // In force from now on; 0: no limit, at most RateTable::kPerSecondMax. Control thread. A table is only
  // there once there has been a limit.
  void set(uint32_t per_s_per_address, uint32_t per_s_per_prefix);

  // Else there is nothing to ask.
  bool on() const {
    return (per_address_.load(std::memory_order_acquire) | per_prefix_.load(std::memory_order_acquire)) != 0;
  }

  // One request more. The limit that it is over, or none; then it has been counted. One who is over his own
  // limit does not use up his network's.
  Limit take(const common::Endpoint& client, uint64_t now_us);

  // What take() would say.
  Limit look(const common::Endpoint& client, uint64_t now_us) const;

 private:
  const common::SipKey key_;
  std::unique_ptr<RateTable> addresses_;  // there before per_address_ is not 0
  std::unique_ptr<RateTable> prefixes_;   // there before per_prefix_ is not 0
  std::atomic<uint32_t> per_address_{0};
  std::atomic<uint32_t> per_prefix_{0};
};

}  // namespace shoal::node
