// Writes addresses as text without allocating: many of them go into one answer.

#pragma once

#include <cstddef>

#include "common/endpoint.h"

namespace shoal::common {

constexpr size_t kAddressTextMax = 39;

// address_to_string(), written to `out`, which has room for kAddressTextMax characters; returns where it
// ends.
char* write_address(const Endpoint& endpoint, char* out);

}  // namespace shoal::common
