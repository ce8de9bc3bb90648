// SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed 64-bit hash an attacker without the key cannot aim.
// libsodium's.

#pragma once

#include <array>
#include <cstdint>

#include "common/bytes.h"

namespace shoal::common {

using SipKey = std::array<uint8_t, 16>;

// Same result on every machine for the same key and bytes. Any thread.
uint64_t siphash(const SipKey& key, ByteSpan bytes);

}  // namespace shoal::common
