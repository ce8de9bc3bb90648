// InfoHash: the 20 bytes that name a swarm (BEP 3). Any 20 bytes are a valid one.

#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace shoal::common {

constexpr size_t kInfoHashSize = 20;

struct InfoHash {
  std::array<uint8_t, kInfoHashSize> bytes{};
  auto operator<=>(const InfoHash&) const = default;

  // By words: every lookup of a swarm ends with this.
  bool operator==(const InfoHash& other) const {
    uint64_t a[2], b[2];
    uint32_t a_end, b_end;
    std::memcpy(a, bytes.data(), sizeof a);
    std::memcpy(b, other.bytes.data(), sizeof b);
    std::memcpy(&a_end, bytes.data() + sizeof a, sizeof a_end);
    std::memcpy(&b_end, other.bytes.data() + sizeof b, sizeof b_end);
    return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a_end ^ b_end)) == 0;
  }
};

// 40 hexadecimal digits, lower case.
std::string to_hex(const InfoHash& hash);

// Exactly 40 hexadecimal digits of either case, or nothing.
std::optional<InfoHash> info_hash_from_hex(std::string_view text);

}  // namespace shoal::common
