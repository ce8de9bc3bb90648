// HeapTrim: gives memory that the allocator holds and nobody uses back to the system. The allocator does so
// by itself only at the end of the heap, where one block in use is enough to keep all below it: after a flood
// has expired nearly all would stay.
//
// Other threads that allocate wait meanwhile: about 10 ms, and a quarter of a millisecond for each MiB given
// back. So it looks often, and acts as soon as there is enough to be worth it. One thread; only where the C
// library is glibc.

#pragma once

#include <cstddef>
#include <cstdint>

namespace shoal::node {

class HeapTrim {
 public:
  static constexpr size_t kWorthBytes = size_t{16} << 20;
  static constexpr int64_t kLookEveryMs = 50;
  // It takes at most this part of the time.
  static constexpr int64_t kShare = 10;

  // Call it every now and then; `now_ms`: any clock that does not go back. Returns whether it gave memory
  // back.
  bool step(int64_t now_ms);

 private:
  int64_t next_ms_ = 0;
  size_t given_back_ = 0;  // of what is free
};

}  // namespace shoal::node
