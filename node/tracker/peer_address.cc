#include "node/tracker/peer_address.h"

namespace shoal::node {

size_t remove_loopback(std::span<uint8_t> peers, common::Family family) {
  const size_t stride = common::compact_size(family);
  size_t left = 0;
  for (size_t at = 0; at + stride <= peers.size(); at += stride) {
    const auto peer = peers.subspan(at, stride);
    if (common::is_loopback(common::make_endpoint(peer.first(common::address_size(family)), 0))) continue;
    std::copy(peer.begin(), peer.end(), peers.begin() + static_cast<ptrdiff_t>(left));
    left += stride;
  }
  return left;
}

}  // namespace shoal::node
