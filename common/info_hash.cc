#include "common/info_hash.h"

#include "common/hex.h"

namespace shoal::common {

std::string to_hex(const InfoHash& hash) { return to_hex(std::span<const uint8_t>(hash.bytes)); }

std::optional<InfoHash> info_hash_from_hex(std::string_view text) {
  InfoHash hash;
  if (!from_hex(text, hash.bytes)) return std::nullopt;
  return hash;
}

}  // namespace shoal::common
