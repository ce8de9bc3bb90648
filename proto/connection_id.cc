#include "proto/connection_id.h"

#include <algorithm>
#include <array>

#include "common/bytes.h"

namespace shoal::proto {

using common::Endpoint;
using common::SipKey;

namespace {

constexpr uint64_t kEpochBits = 3;

uint64_t epoch_at(int64_t unix_s) { return static_cast<uint64_t>(unix_s / kConnectionIdEpochS); }

uint64_t id_of(const SipKey& key, const Endpoint& client, uint64_t epoch) {
  std::array<uint8_t, 1 + 16 + 8> message;
  common::ByteWriter writer(message);
  writer.u8(static_cast<uint8_t>(client.family));
  writer.bytes(client.address_bytes());
  writer.u64(epoch);
  return (common::siphash(key, writer.written()) & ~kEpochBits) | (epoch & kEpochBits);
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
