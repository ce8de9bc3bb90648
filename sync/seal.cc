#include "sync/seal.h"

#include <sodium/crypto_aead_xchacha20poly1305.h>

#include <algorithm>

#include "common/check.h"

namespace shoal::sync {

static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == proto::kSyncNonceSize);
static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == proto::kSyncTagSize);
static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == sizeof(SealingKey::key));

namespace {

SealedPacket sealed(const proto::SyncHeader& clear, common::ByteSpan body, const SealingKey& key) {
  const auto header = proto::make_sync_header(clear);
  std::vector<uint8_t> datagram(header.size() + body.size() + proto::kSyncTagSize);
  std::copy(header.begin(), header.end(), datagram.begin());
  crypto_aead_xchacha20poly1305_ietf_encrypt(datagram.data() + header.size(), nullptr, body.data(),
                                             body.size(), header.data(), header.size(), nullptr,
                                             header.data() + proto::kSyncNonceOffset, key.key.data());
  return std::make_shared<const std::vector<uint8_t>>(std::move(datagram));
}

}  // namespace

SealedPacket Sealer::seal(proto::SyncStream stream, common::ByteSpan body) {
  CHECK_INVARIANT(body.size() <=
                  (stream == proto::SyncStream::requests ? proto::kSyncRequestBodyMax : proto::kSyncBodyMax));
  const SealingKey& key = keys_.sealing();
  const uint64_t sequence = ++sequences_[static_cast<size_t>(stream)];
  return sealed({tag_, key.id, node_id_, incarnation_, stream, sequence}, body, key);
}

SealedPacket reseal(const SealedPacket& packet, const KeyRing& opens, const SealingKey& key) {
  auto header = proto::parse_sync_header(*packet);
  CHECK_INVARIANT(header.has_value());
  const auto body = open_sealed(opens, *header, *packet);
  CHECK_INVARIANT(body.has_value());
  header->key_id = key.id;
  return sealed(*header, *body, key);
}

std::optional<std::vector<uint8_t>> open_sealed(const KeyRing& keys, const proto::SyncHeader& header,
                                                common::ByteSpan datagram) {
  const common::ByteSpan clear = datagram.first(proto::kSyncHeaderSize);
  const common::ByteSpan sealed = datagram.subspan(proto::kSyncHeaderSize);
  CHECK_INVARIANT(sealed.size() > proto::kSyncTagSize);
  std::vector<uint8_t> body(sealed.size() - proto::kSyncTagSize);
  for (const SealingKey& key : keys.all()) {
    if (key.id != header.key_id) continue;
    const int failed = crypto_aead_xchacha20poly1305_ietf_decrypt(
        body.data(), nullptr, nullptr, sealed.data(), sealed.size(), clear.data(), clear.size(),
        clear.data() + proto::kSyncNonceOffset, key.key.data());
    if (failed == 0) return body;
  }
  return std::nullopt;
}

}  // namespace shoal::sync
