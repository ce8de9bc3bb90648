#include "node/os/pages.h"

#include <sys/mman.h>

namespace shoal::node {

void* map_pages(size_t bytes) {
  void* const pages =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  return pages;
}

void unmap_pages(void* pages, size_t bytes) noexcept { munmap(pages, bytes); }

}  // namespace shoal::node
