#include "sync/pull_seal.h"

#include <sodium/crypto_aead_xchacha20poly1305.h>

#include <algorithm>

#include "common/check.h"

namespace shoal::sync {

namespace {

constexpr uint64_t kStream = static_cast<uint64_t>(proto::SyncStream::answers) << 56;

// Nonce of the frame, nonce of the request, index. The first is also used as the nonce.
std::array<uint8_t, 2 * proto::kSyncNonceSize + 4> clear_part(const PullSeal& seal, uint64_t sequence,
                                                              uint32_t index) {
  std::array<uint8_t, 2 * proto::kSyncNonceSize + 4> out;
  common::ByteWriter writer(out);
  writer.u64(seal.donor);
  writer.u64(seal.incarnation);
  writer.u64(kStream | sequence);
  writer.bytes(seal.request);
  writer.u32(index);
  CHECK_INVARIANT(writer.ok() && writer.room() == 0);
  return out;
}

}  // namespace

Nonce nonce_of(common::ByteSpan packet) {
  CHECK_INVARIANT(packet.size() >= proto::kSyncHeaderSize);
  Nonce nonce;
  std::copy_n(packet.begin() + proto::kSyncNonceOffset, nonce.size(), nonce.begin());
  return nonce;
}

void seal_frame(const PullSeal& seal, uint64_t sequence, uint32_t index, common::ByteSpan frame,
                std::vector<uint8_t>& out) {
  CHECK_INVARIANT(sequence > 0 && sequence <= proto::kSyncSequenceMax);
  const auto clear = clear_part(seal, sequence, index);
  const size_t begin = out.size();
  out.resize(begin + kSealedFrameHead + frame.size() + proto::kSyncTagSize);
  const std::span<uint8_t> sealed = std::span<uint8_t>(out).subspan(begin);
  common::ByteWriter(sealed).u64(kStream | sequence);
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data() + kSealedFrameHead, nullptr, frame.data(),
                                             frame.size(), clear.data(), clear.size(), nullptr, clear.data(),
                                             seal.key.key.data());
}

std::optional<std::vector<uint8_t>> open_frame(const PullSeal& seal, uint32_t index,
                                               common::ByteSpan sealed) {
  if (sealed.size() < kSealedFrameHead + proto::kSyncTagSize) return std::nullopt;
  const uint64_t sequence = common::ByteReader(sealed).u64();
  if ((sequence & ~proto::kSyncSequenceMax) != kStream) return std::nullopt;
  const auto clear = clear_part(seal, sequence & proto::kSyncSequenceMax, index);
  const common::ByteSpan body = sealed.subspan(kSealedFrameHead);
  std::vector<uint8_t> frame(body.size() - proto::kSyncTagSize);
  const int failed = crypto_aead_xchacha20poly1305_ietf_decrypt(frame.data(), nullptr, nullptr, body.data(),
                                                                body.size(), clear.data(), clear.size(),
                                                                clear.data(), seal.key.key.data());
  if (failed != 0) return std::nullopt;
  return frame;
}

}  // namespace shoal::sync
