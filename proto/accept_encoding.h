// Which content coding a client accepts (RFC 9110, 12.5.3). Any thread.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace shoal::proto {

enum class ContentCoding : uint8_t { identity, gzip, zstd };

// "gzip", "zstd"; empty for identity, which no header names.
std::string_view to_string(ContentCoding coding);

// The coding with the highest weight in the value of Accept-Encoding; among equals zstd, then gzip. Anything
// malformed is skipped; identity if nothing is left, or there is no such header.
ContentCoding choose_coding(std::optional<std::string_view> accept_encoding);

}  // namespace shoal::proto
