#include "node/limits/request_limiter.h"

namespace shoal::node {

void RequestLimiter::set(uint32_t per_s_per_address, uint32_t per_s_per_prefix) {
  if (per_s_per_address > 0 && !addresses_) addresses_ = std::make_unique<RateTable>(key_);
  if (per_s_per_prefix > 0 && !prefixes_) prefixes_ = std::make_unique<RateTable>(key_);
  per_address_.store(per_s_per_address, std::memory_order_release);
  per_prefix_.store(per_s_per_prefix, std::memory_order_release);
}

Limit RequestLimiter::charge(const common::Endpoint& client, uint64_t now_us) {
  const uint32_t per_address = per_address_.load(std::memory_order_acquire);
  if (per_address > 0 && !addresses_->charge(address_prefix(client), per_address, now_us)) {
    return Limit::requests_per_s_per_address;
  }
  const uint32_t per_prefix = per_prefix_.load(std::memory_order_acquire);
  if (per_prefix > 0 && !prefixes_->charge(network_prefix(client), per_prefix, now_us)) {
    return Limit::requests_per_s_per_prefix;
  }
  return Limit::none;
}

Limit RequestLimiter::check(const common::Endpoint& client, uint64_t now_us) const {
  const uint32_t per_address = per_address_.load(std::memory_order_acquire);
  if (per_address > 0 && !addresses_->has_room(address_prefix(client), per_address, now_us)) {
    return Limit::requests_per_s_per_address;
  }
  const uint32_t per_prefix = per_prefix_.load(std::memory_order_acquire);
  if (per_prefix > 0 && !prefixes_->has_room(network_prefix(client), per_prefix, now_us)) {
    return Limit::requests_per_s_per_prefix;
  }
  return Limit::none;
}

}  // namespace shoal::node
