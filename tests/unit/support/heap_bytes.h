// How much a test has allocated.

#pragma once

#include <malloc.h>

#include <cstdint>

namespace shoal::test {

// Bytes in use on the heap of this process, those of C libraries included. 0 with allocators that do not
// count for glibc, such as those of sanitizers.
inline int64_t heap_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

}  // namespace shoal::test
