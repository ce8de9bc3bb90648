// How much memory is allocated, where a sanitizer counts it: in libFuzzer's builds, and when the corpora are
// replayed under AddressSanitizer. Elsewhere 0, so that no bound is passed.

#pragma once

#include <cstddef>

#ifdef __has_feature
#define SHOAL_HAS_ASAN __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define SHOAL_HAS_ASAN 1
#else
#define SHOAL_HAS_ASAN 0
#endif

#if SHOAL_HAS_ASAN
// Of the sanitizers' allocator_interface.h, which Debian's GCC does not bring.
extern "C" size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace shoal::fuzz {

inline size_t allocated_bytes() {
#if SHOAL_HAS_ASAN
  return __sanitizer_get_current_allocated_bytes();
#else
  return 0;
#endif
}

}  // namespace shoal::fuzz
