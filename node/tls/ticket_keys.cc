#include "node/tls/ticket_keys.h"

#include <sodium/randombytes.h>
#include <sodium/utils.h>

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace shoal::node {

TicketKeys::TicketKeys(std::vector<sync::TicketKey> keys) : keys_(std::move(keys)) {
  CHECK_INVARIANT(!keys_.empty());
}

TicketKeys::~TicketKeys() { sodium_memzero(keys_.data(), keys_.size() * sizeof keys_[0]); }

const sync::TicketKey* TicketKeys::find(std::span<const uint8_t, 16> name) const {
  const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const sync::TicketKey& key) {
    return std::equal(name.begin(), name.end(), key.name.begin());
  });
  return found == keys_.end() ? nullptr : &*found;
}

TicketSource::~TicketSource() { wipe(); }

void TicketSource::wipe() {
  sodium_memzero(roots_.data(), roots_.size() * sizeof(sync::TicketRoot));
  sodium_memzero(own_.data(), own_.size());
}

void TicketSource::set_roots(std::vector<sync::TicketRoot> roots) {
  wipe();
  roots_ = std::move(roots);
  own_epoch_ = 0;
  if (roots_.empty()) randombytes_buf(own_.data(), own_.size());
}

std::shared_ptr<const TicketKeys> TicketSource::keys(uint64_t epoch) {
  std::vector<sync::TicketKey> keys;
  if (!roots_.empty()) {
    keys.reserve(3 * roots_.size());
    for (const uint64_t one : {epoch, epoch - 1, epoch + 1}) {
      for (const sync::TicketRoot& root : roots_) keys.push_back(sync::derive_ticket_key(root, one));
    }
    return std::make_shared<const TicketKeys>(std::move(keys));
  }
  if (own_epoch_ == 0) own_epoch_ = epoch;
  // After a long sleep none of the old keys is of use, so there is no need to hash that often.
  if (epoch > own_epoch_ + 3) own_epoch_ = epoch - 3;
  for (; own_epoch_ < epoch; ++own_epoch_) own_ = sync::next_ticket_root(own_);
  sync::TicketRoot present = sync::next_ticket_root(own_);
  sync::TicketRoot next = sync::next_ticket_root(present);
  keys = {sync::derive_ticket_key(present, 0), sync::derive_ticket_key(own_, 0),
          sync::derive_ticket_key(next, 0)};
  sodium_memzero(present.data(), present.size());
  sodium_memzero(next.data(), next.size());
  return std::make_shared<const TicketKeys>(std::move(keys));
}

}  // namespace shoal::node
