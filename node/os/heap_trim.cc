#include "node/os/heap_trim.h"

#include <malloc.h>

#include <algorithm>

#include "node/os/monotonic.h"

namespace shoal::node {

bool HeapTrim::step(int64_t now_ms) {
  if (now_ms < next_ms_) return false;
  next_ms_ = now_ms + kLookEveryMs;
  const size_t unused = mallinfo2().fordblks;
  // What was given back and is used again.
  given_back_ = std::min(given_back_, unused);
  if (unused - given_back_ < kWorthBytes) return false;
  const int64_t begun_ms = monotonic_ms();
  malloc_trim(0);
  given_back_ = mallinfo2().fordblks;
  next_ms_ = now_ms + std::max(kLookEveryMs, kShare * (monotonic_ms() - begun_ms));
  return true;
}

}  // namespace shoal::node
