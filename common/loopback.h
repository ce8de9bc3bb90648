// Whether an address is one of this machine only. Pure; any thread. On the path of every announce, so it is
// inline.

#pragma once

#include <algorithm>

#include "common/endpoint.h"

namespace shoal::common {

// 127.0.0.0/8 or ::1.
inline bool is_loopback(const Endpoint& endpoint) {
  const auto& bytes = endpoint.address;
  if (endpoint.family == Family::v4) return bytes[0] == 127;
  return bytes[15] == 1 &&
         std::all_of(bytes.begin(), bytes.end() - 1, [](uint8_t byte) { return byte == 0; });
}

}  // namespace shoal::common
