// HeapTrim: gives memory that the allocator holds and nobody uses back to the system. The allocator does so
// by itself only at the end of the heap, where one block in use is enough to keep all below it: after a flood
// has expired nearly all would stay.
//
// Other threads that allocate wait meanwhile: about 10 ms, and a quarter of a millisecond for each MiB given
// back; while it looks, as long as it takes to count the pieces that are free. So it does neither often, and
// acts when it is worth it. One thread; only where the C library is glibc.

#pragma once

#include <cstddef>
#include <cstdint>

namespace shoal::node {

class HeapTrim {
 public:
  // So much must be free, and this part of what is in use.
  static constexpr size_t kWorthBytes = size_t{4} << 20;
  static constexpr size_t kWorthPart = 8;
  // So much when what is free has changed by less than kCalmBytes for so long.
  static constexpr size_t kCalmWorthBytes = size_t{256} << 10;
  static constexpr size_t kCalmWorthPart = 64;
  static constexpr size_t kCalmBytes = size_t{64} << 10;
  static constexpr int64_t kCalmMs = 3000;
  static constexpr int64_t kLookEveryMs = 50;
  // Looking and giving back take at most this part of the time.
  static constexpr int64_t kShare = 50;

  // Call it every now and then; `now_ms`: any clock that does not go back. Returns whether it gave memory
  // back.
  bool step(int64_t now_ms);

 private:
  bool give_back(int64_t now_ms);
  bool calm(size_t free_bytes, int64_t now_ms);

  int64_t next_ms_ = 0;
  size_t given_back_ = 0;  // of what is free
  size_t calm_free_ = 0;   // what was free at calm_since_ms_, and since then but for kCalmBytes
  int64_t calm_since_ms_ = 0;
};

}  // namespace shoal::node
