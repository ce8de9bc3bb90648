#include "node/os/heap_pages.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "node/os/files.h"

#ifndef MADV_COLLAPSE  // Linux 6.1; newer than Debian 12's libc
#define MADV_COLLAPSE 25
#endif

namespace shoal::node {

namespace {

uintptr_t heap_end() { return reinterpret_cast<uintptr_t>(sbrk(0)); }

}  // namespace

// In "always [madvise] never", the brackets mark the active setting.
bool huge_pages_allowed() {
  const std::string text = read_file("/sys/kernel/mm/transparent_hugepage/enabled", 256).value_or("");
  return !text.empty() && text.find("[never]") == std::string::npos;
}

uintptr_t collapse_huge_pages(uintptr_t from, uintptr_t end, size_t pages_max) {
  for (; from < end && pages_max > 0; from += kHugePageBytes, --pages_max) {
    if (madvise(reinterpret_cast<void*>(from), kHugePageBytes, MADV_COLLAPSE) == 0) continue;
    // Other errors (no free memory now, a pinned page) concern this page only: skip it.
    if (errno == EINVAL) return end;
  }
  return from;
}

void HeapPages::use_one_heap() { mallopt(M_ARENA_MAX, 1); }

HeapPages::HeapPages()
    : wanted_(huge_pages_allowed()),
      begin_((heap_end() + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes),
      done_(begin_) {}

bool HeapPages::step() {
  const uintptr_t end = std::max(begin_, heap_end() / kHugePageBytes * kHugePageBytes);
  done_ = std::min(done_, end);
  if (!wanted_ || end - begin_ < kHeapBytesMin) return false;
  done_ = collapse_huge_pages(done_, end, 1);
  return done_ < end;
}

}  // namespace shoal::node
