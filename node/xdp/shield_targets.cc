#include "node/xdp/shield_targets.h"

#include <algorithm>

namespace shoal::node {

using common::Endpoint;

std::vector<Endpoint> shield_targets(std::span<const Endpoint> listened, std::span<const Endpoint> own) {
  std::vector<Endpoint> targets;
  targets.reserve(listened.size() + own.size());
  for (const Endpoint& one : listened) {
    for (const Endpoint& address : own) {
      if (address.family != one.family) continue;
      if (!common::is_wildcard(one) && address.address != one.address) continue;
      targets.push_back(address);
      targets.back().port = one.port;
    }
  }
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  return targets;
}

}  // namespace shoal::node
