// Hexadecimal digits and bytes.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace shoal::common {

// Two lower-case digits per byte.
std::string to_hex(std::span<const uint8_t> bytes);

// The id of a node, or of one of its runs, for people, files and JSON: 16 digits.
std::string node_id_text(uint64_t id);

// The value of one hexadecimal digit, or -1.
int hex_digit(char digit);

// Fills `out` from exactly 2 * out.size() digits of either case; false, with `out` unspecified, otherwise.
[[nodiscard]] bool from_hex(std::string_view text, std::span<uint8_t> out);

}  // namespace shoal::common
