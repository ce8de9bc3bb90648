#include "sync/keys.h"

#include <sodium/core.h>
#include <sodium/crypto_generichash.h>

#include <algorithm>
#include <string>

#include "common/check.h"
#include "common/hex.h"

namespace shoal::sync {

namespace {

// BLAKE2b of N bytes over (use, 0, text), keyed or not. Uses contain no zero byte, so no two uses collide.
template <size_t N>
std::array<uint8_t, N> hash(common::ByteSpan key, std::string_view use, std::string_view text) {
  std::string message(use);
  message.push_back('\0');
  message.append(text);
  std::array<uint8_t, crypto_generichash_BYTES> full;
  static_assert(N <= crypto_generichash_BYTES);
  const int failed =
      crypto_generichash(full.data(), full.size(), reinterpret_cast<const uint8_t*>(message.data()),
                         message.size(), key.empty() ? nullptr : key.data(), key.size());
  CHECK_INVARIANT(failed == 0);
  std::array<uint8_t, N> out;
  std::copy_n(full.begin(), N, out.begin());
  return out;
}

}  // namespace

ClusterKey insecure_key(std::string_view cluster) { return hash<32>({}, "shoal 1 insecure", cluster); }

common::SipKey derive_connection_id_key(const ClusterKey& key, std::string_view cluster) {
  return hash<16>(key, "shoal 1 connection id", cluster);
}

TicketRoot derive_ticket_root(const ClusterKey& key, std::string_view cluster) {
  return hash<32>(key, "shoal 1 ticket root", cluster);
}

TicketRoot next_ticket_root(const TicketRoot& root) { return hash<32>(root, "shoal 1 ticket next", {}); }

TicketKey derive_ticket_key(const TicketRoot& root, uint64_t epoch) {
  const std::string number = std::to_string(epoch);
  return {hash<16>(root, "shoal 1 ticket name", number), hash<32>(root, "shoal 1 ticket cipher", number),
          hash<32>(root, "shoal 1 ticket mac", number)};
}

ClusterTag cluster_tag(std::string_view cluster) { return hash<4>({}, "shoal 1 cluster tag", cluster); }

uint64_t node_id(std::string_view cluster, std::string_view node_name) {
  const auto cluster_hash = hash<32>({}, "shoal 1 node id", cluster);
  const auto bytes = hash<8>(cluster_hash, "shoal 1 node id", node_name);
  return common::ByteReader(bytes).u64();
}

KeyRing::KeyRing(const std::vector<ClusterKey>& keys, std::string_view cluster) {
  CHECK_INVARIANT(sodium_init() >= 0);
  CHECK_INVARIANT(!keys.empty());
  for (const ClusterKey& key : keys) {
    keys_.push_back({hash<4>(key, "shoal 1 key id", cluster), hash<32>(key, "shoal 1 seal", cluster)});
  }
}

std::vector<KeyId> KeyRing::ids() const {
  std::vector<KeyId> out;
  for (const SealingKey& key : keys_) out.push_back(key.id);
  return out;
}

bool KeyRing::holds(const KeyId& id) const {
  return std::any_of(keys_.begin(), keys_.end(), [&](const SealingKey& key) { return key.id == id; });
}

std::string to_text(const std::vector<KeyId>& ids) {
  std::string text;
  for (const KeyId& id : ids) text += (text.empty() ? "" : ", ") + common::to_hex(id);
  return text;
}

}  // namespace shoal::sync
