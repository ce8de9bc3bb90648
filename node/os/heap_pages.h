// HeapPages: puts a large heap on huge pages (2 MiB), little by little. The peers of a large tracker are read
// at random; on small pages nearly every such read misses the TLB as well as the cache.
//
// Nothing happens on a small heap, on kernels that cannot (before 6.1), and where the administrator has
// forbidden it (transparent_hugepage/enabled is "never"). Control thread; memory may be in use by any thread
// meanwhile.

#pragma once

#include <cstddef>
#include <cstdint>

namespace shoal::node {

// Collapses the huge pages of [from, end), both multiples of kHugePageBytes, at most `pages_max` of them.
// Returns where to go on; `end`, too, if the kernel cannot do it at all.
uintptr_t collapse_huge_pages(uintptr_t from, uintptr_t end, size_t pages_max);

constexpr size_t kHugePageBytes = size_t{2} << 20;

class HeapPages {
 public:
  // To be called while the process has one thread: from now on all threads allocate from one heap, the one
  // that grows at its end.
  static void use_one_heap();

  // Begins at the present end of the heap.
  HeapPages();

  // Does some of what is left to do, some hundred microseconds. To be called again and again; returns whether
  // there is more to do now.
  bool step();

 private:
  static constexpr size_t kHeapBytesMin = size_t{8} << 20;

  bool wanted_;
  uintptr_t begin_;
  uintptr_t done_;  // up to here
};

}  // namespace shoal::node
