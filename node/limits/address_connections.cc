#include "node/limits/address_connections.h"

#include "common/check.h"

namespace shoal::node {

auto AddressConnections::enter(const common::Endpoint& client) -> Entry {
  const uint32_t max = max_.load(std::memory_order_relaxed);
  if (max == 0) return Entry::uncounted;
  const Lock lock(mutex_);
  uint32_t& connections = connections_[address_prefix(client)];
  if (connections >= max) return Entry::refused;
  ++connections;
  return Entry::counted;
}

void AddressConnections::leave(const common::Endpoint& client) {
  const Lock lock(mutex_);
  const auto found = connections_.find(address_prefix(client));
  CHECK_INVARIANT(found != connections_.end());
  if (--found->second == 0) connections_.erase(found);
}

}  // namespace shoal::node
