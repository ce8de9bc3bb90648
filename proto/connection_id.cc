#include "proto/connection_id.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace shoal::proto {

using common::Endpoint;
using common::SipKey;

namespace {

constexpr uint64_t kEpochBits = 3;

uint64_t epoch_at(int64_t unix_s) { return static_cast<uint64_t>(unix_s / kConnectionIdEpochS); }

// One for each family, so that the hash is compiled for the size of its message.
template <common::Family F>
uint64_t id_for(const SipKey& key, const Endpoint& client, uint64_t epoch) {
  constexpr size_t kAddress = common::address_size(F);
  std::array<uint8_t, 1 + kAddress + 8> message;
  message[0] = static_cast<uint8_t>(F);
  std::memcpy(message.data() + 1, client.address.data(), kAddress);
  const uint64_t big_endian = __builtin_bswap64(epoch);
  std::memcpy(message.data() + 1 + kAddress, &big_endian, 8);
  return (common::siphash(key, message) & ~kEpochBits) | (epoch & kEpochBits);
}

uint64_t id_of(const SipKey& key, const Endpoint& client, uint64_t epoch) {
  return client.family == common::Family::v4 ? id_for<common::Family::v4>(key, client, epoch)
                                             : id_for<common::Family::v6>(key, client, epoch);
}

}  // namespace

uint64_t make_connection_id(const SipKey& key, const Endpoint& client, int64_t unix_s) {
  return id_of(key, client, epoch_at(unix_s));
}

bool check_connection_id(std::span<const SipKey> keys, const Endpoint& client, int64_t unix_s, uint64_t id) {
  const uint64_t oldest = epoch_at(unix_s) - 2;
  const uint64_t epoch = oldest + ((id - oldest) & kEpochBits);
  return std::any_of(keys.begin(), keys.end(),
                     [&](const SipKey& key) { return id_of(key, client, epoch) == id; });
}

}  // namespace shoal::proto
