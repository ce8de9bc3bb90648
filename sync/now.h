// Now: time as the caller sees it, an argument of everything in sync/ that depends on it.

#pragma once

#include <cstdint>

namespace shoal::sync {

// mono_us never goes back; unix_ms is the wall clock and may do anything.
struct Now {
  int64_t mono_us = 0;
  int64_t unix_ms = 0;
};

}  // namespace shoal::sync
