#include "proto/connection_id.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace shoal::proto {

using common::Endpoint;
using common::SipKey;

namespace {

constexpr uint64_t kEpochBits = 7;
constexpr uint64_t kPreviousEpochs =
    6;  // accepted; with the present and the next one those that the bits tell apart

uint64_t epoch_at(int64_t unix_s) { return static_cast<uint64_t>(unix_s / kConnectionIdEpochS); }

// The hash of family, address and big-endian epoch, concatenated.
uint64_t hash_v4(const SipKey& key, const Endpoint& client, uint64_t epoch) {
  uint32_t address = 0;
  std::memcpy(&address, client.address.data(), 4);
  const uint64_t tail = __builtin_bswap64(epoch);
  const uint64_t first = static_cast<uint64_t>(common::Family::v4) | uint64_t{address} << 8 | tail << 40;
  return common::siphash_of_words(key, std::array{first}, tail >> 24, 5);
}

uint64_t hash_v6(const SipKey& key, const Endpoint& client, uint64_t epoch) {
  std::array<uint8_t, 1 + 16 + 8> message;
  message[0] = static_cast<uint8_t>(common::Family::v6);
  std::memcpy(message.data() + 1, client.address.data(), 16);
  const uint64_t tail = __builtin_bswap64(epoch);
  std::memcpy(message.data() + 17, &tail, 8);
  return common::siphash(key, message);
}

uint64_t id_of(const SipKey& key, const Endpoint& client, uint64_t epoch) {
  const bool v4 = client.family == common::Family::v4;
  const uint64_t hash = v4 ? hash_v4(key, client, epoch) : hash_v6(key, client, epoch);
  return (hash & ~kEpochBits) | (epoch & kEpochBits);
}

}  // namespace

uint64_t make_connection_id(const SipKey& key, const Endpoint& client, int64_t unix_s) {
  return id_of(key, client, epoch_at(unix_s));
}

bool check_connection_id(std::span<const SipKey> keys, const Endpoint& client, int64_t unix_s, uint64_t id) {
  const uint64_t oldest = epoch_at(unix_s) - kPreviousEpochs;
  const uint64_t epoch = oldest + ((id - oldest) & kEpochBits);
  return std::any_of(keys.begin(), keys.end(),
                     [&](const SipKey& key) { return id_of(key, client, epoch) == id; });
}

}  // namespace shoal::proto
