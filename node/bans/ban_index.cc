#include "node/bans/ban_index.h"

#include <bit>

namespace shoal::node {

BanIndex::BanIndex(std::span<const Ban> bans, const common::SipKey& key)
    : seed_(common::siphash(key, {})),
      mask_(std::bit_ceil(std::max<size_t>(2 * bans.size() + 1, 16)) - 1),
      cells_(mask_ + 1) {
  for (const Ban& ban : bans) {
    const uint64_t client = key_of(static_cast<common::Family>(ban.client[0]), ban.client.data() + 1);
    size_t at = place_of(client);
    while (cells_[at].key != 0 && cells_[at].key != client) at = (at + 1) & mask_;
    cells_[at] = {client, ban.dry ? -ban.ends_ms : ban.ends_ms};
  }
}

}  // namespace shoal::node
