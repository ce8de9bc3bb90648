#include "common/siphash.h"

#include <sodium/crypto_shorthash_siphash24.h>

namespace shoal::common {

uint64_t siphash(const SipKey& key, ByteSpan bytes) {
  std::array<uint8_t, crypto_shorthash_siphash24_BYTES> out;
  crypto_shorthash_siphash24(out.data(), bytes.data(), bytes.size(), key.data());
  uint64_t value = 0;
  for (size_t i = out.size(); i-- > 0;) value = value << 8 | out[i];
  return value;
}

}  // namespace shoal::common
