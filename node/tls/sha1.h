// SHA-1, for protocols that ask for it as a check against mistakes, not against enemies (RFC 6455, 4.2.2).
// Any thread.

#pragma once

#include <array>
#include <cstdint>

#include "common/bytes.h"

namespace shoal::node {

std::array<uint8_t, 20> sha1(common::ByteSpan bytes);

}  // namespace shoal::node
