// The sizes and checksums that the encoder and decoder of snapshots share.

#pragma once

#include <lz4.h>
#include <sodium/crypto_generichash.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "common/bytes.h"
#include "common/tick.h"
#include "proto/record_blocks.h"

namespace shoal::node::snapshot {

inline constexpr std::string_view kMagic = "SHOALSNP";
inline constexpr uint16_t kVersion = 1;
inline constexpr size_t kFixedHeaderBytes = 8 + 2 + 4 + 8 + 8 + 1 + 1;
inline constexpr size_t kSumBytes = 8;
inline constexpr size_t kFileHashBytes = 32;

// The encoder closes a frame that is larger than kFrameBytes. Blocks are small enough that no frame exceeds
// kFrameBytesMax.
inline constexpr size_t kFrameBytes = 192 << 10;
inline constexpr size_t kFrameBytesMax = 256 << 10;
static_assert(kFrameBytes + proto::kRecordBlockHead + proto::kRecordBlockMax * proto::kRecordBytesMax <=
              kFrameBytesMax);
inline constexpr size_t kPackedBytesMax = LZ4_COMPRESSBOUND(kFrameBytesMax);

// Later than any clock, so that differences of ticks cannot overflow.
inline constexpr common::Tick kTickMax = common::Tick{1} << 52;

class Blake2b {
 public:
  explicit Blake2b(size_t size) { crypto_generichash_init(&state_, nullptr, 0, size); }
  void update(common::ByteSpan bytes) { crypto_generichash_update(&state_, bytes.data(), bytes.size()); }
  template <size_t N>
  std::array<uint8_t, N> final() {
    std::array<uint8_t, N> out;
    crypto_generichash_final(&state_, out.data(), N);
    return out;
  }

 private:
  crypto_generichash_state state_;
};

// BLAKE2b with 16 bytes (its minimum), truncated to 8.
inline uint64_t checksum(common::ByteSpan bytes) {
  Blake2b hash(16);
  hash.update(bytes);
  const auto sum = hash.final<16>();
  return common::ByteReader(sum).u64();
}

}  // namespace shoal::node::snapshot
