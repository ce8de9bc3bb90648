#include "node/limits/stale_id_answers.h"

namespace shoal::node {

bool StaleIdAnswers::take_from_network(const common::SipKey& key, const common::Endpoint& client) {
  Answered& network = networks_[common::siphash(key, network_prefix(client)) % kNetworks];
  const auto second = static_cast<uint32_t>(second_);
  if (network.second != second) network = {second, 0};
  if (network.answers >= kPerNetworkPerS) return false;
  ++network.answers;
  ++answers_;
  return true;
}

}  // namespace shoal::node
