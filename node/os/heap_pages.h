// HeapPages: moves a large heap to huge pages (2 MiB) in small steps. A large tracker reads its peers at
// random; on small pages nearly every such read misses the TLB as well as the cache.
//
// Does nothing if the heap is small, if the kernel is older than 6.1, or if the administrator has forbidden
// huge pages (transparent_hugepage/enabled is "never"). Control thread; other threads may use the memory
// meanwhile.

#pragma once

#include <cstddef>
#include <cstdint>

namespace shoal::node {

// Whether the administrator lets programs have huge pages; collapsing does not ask. Reads a file of /sys.
bool huge_pages_allowed();

// Collapses at most `pages_max` huge pages of [from, end), both multiples of kHugePageBytes. Returns where to
// continue; returns `end` if the kernel does not support it.
uintptr_t collapse_huge_pages(uintptr_t from, uintptr_t end, size_t pages_max);

constexpr size_t kHugePageBytes = size_t{2} << 20;

class HeapPages {
 public:
  // Makes all threads allocate from one heap, the one that grows at its end. Call it while the process has
  // only one thread.
  static void use_one_heap();

  // Covers the heap from its present end on.
  HeapPages();

  // Collapses the next huge page, which takes some hundred microseconds. Call it repeatedly; returns whether
  // work is left now.
  bool step();

 private:
  static constexpr size_t kHeapBytesMin = size_t{8} << 20;

  bool wanted_;
  uintptr_t begin_;
  uintptr_t done_;  // everything below this address is done
};

}  // namespace shoal::node
