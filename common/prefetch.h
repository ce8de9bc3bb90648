// Prefetching: starting to load a cache line before it is needed.

#pragma once

namespace shoal::common {

// Any address is allowed; nothing is read. The empty asm counts as an effect: without it GCC 12 considers a
// function that only prefetches to do nothing, and drops the calls.
[[gnu::always_inline]] inline void prefetch(const void* at) {
  __builtin_prefetch(at);
  asm volatile("" : : "r"(at));
}

}  // namespace shoal::common
