// InfoHash: the 20 bytes that name a swarm (BEP 3). Any 20 bytes are a valid one.

#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shoal::common {

struct InfoHash {
  std::array<uint8_t, 20> bytes{};
  auto operator<=>(const InfoHash&) const = default;
};

// 40 hexadecimal digits, lower case.
std::string to_hex(const InfoHash& hash);

// Exactly 40 hexadecimal digits of either case, or nothing.
std::optional<InfoHash> info_hash_from_hex(std::string_view text);

}  // namespace shoal::common
