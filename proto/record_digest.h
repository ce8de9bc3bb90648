// Digests: how two nodes find out where their records differ, without exchanging the records.
//
// Each record has a hash of 64 bits; the digest of a set of records is the XOR of their hashes. Sets are the
// cells: all records of one stamp whose info_hashes are in one bucket. The stamp itself is not hashed: it is
// the name of a cell, and may change. Buckets and hashes need no key: see
// docs/decisions/0003-digests-without-a-key.md.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "common/endpoint.h"
#include "common/info_hash.h"
#include "common/product.h"

namespace shoal::proto {

constexpr size_t kDigestBuckets = 1024;
constexpr size_t kDigestStamps = 256;

// The leading 10 bits of the info_hash.
constexpr size_t digest_bucket(const common::InfoHash& info_hash) {
  return static_cast<size_t>(info_hash.bytes[0]) << 2 | info_hash.bytes[1] >> 6;
}

// Hashes the records of one swarm. Words are little-endian.
class RecordHash {
 public:
  // `web`: of web peers, whose endpoints may have the bytes of IPv6 endpoints.
  explicit RecordHash(const common::InfoHash& info_hash, bool web = false)
      : swarm_(fold(load<8>(info_hash.bytes.data()) ^ kA, load<8>(info_hash.bytes.data() + 8) ^ kB) ^
               load<4>(info_hash.bytes.data() + 16) ^ (web ? kD : 0)) {}

  // `endpoint`: address and port in network order, 6 or 18 bytes; `state`: PeerState::byte().
  template <size_t N>
  uint64_t operator()(const std::array<uint8_t, N>& endpoint, uint8_t state) const {
    if constexpr (N == common::compact_size(common::Family::v4)) {
      return mixed(load<6>(endpoint.data()) << 8 | state);
    } else {
      const uint64_t address = fold(load<8>(endpoint.data()) ^ kC, load<8>(endpoint.data() + 8) ^ kD);
      return mixed(address ^ (load<2>(endpoint.data() + 16) << 8 | state));
    }
  }

 private:
  // Odd and otherwise arbitrary: the fractional parts of the square roots of 2, 3, 5 and 7.
  static constexpr uint64_t kA = 0x6a09e667f3bcc909;
  static constexpr uint64_t kB = 0xbb67ae8584caa73b;
  static constexpr uint64_t kC = 0x3c6ef372fe94f82b;
  static constexpr uint64_t kD = 0xa54ff53a5f1d36f1;

  template <size_t N>
  static uint64_t load(const uint8_t* from) {
    uint64_t value = 0;
    std::memcpy(&value, from, N);
    return value;
  }

  static uint64_t fold(uint64_t x, uint64_t y) { return common::folded_product(x, y); }

  uint64_t mixed(uint64_t word) const { return fold(fold(word ^ swarm_, kA) + swarm_, kC); }

  uint64_t swarm_;
};

}  // namespace shoal::proto
