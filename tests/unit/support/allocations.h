// Counts allocations, for tests of code that must make none.

#pragma once

#include <cstdint>

namespace shoal::test {

// Allocations made so far: all threads, by operator new, malloc and the like, those of C libraries included.
uint64_t allocations();

}  // namespace shoal::test
