#include "node/os/heap_pages.h"

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

using namespace shoal;
using node::kHugePageBytes;

namespace {

// A mapping that begins at a multiple of the huge page size, on small pages, all in use.
class Mapping {
 public:
  static constexpr size_t kPages = 4;

  Mapping() : base_(mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(base_ != MAP_FAILED);
    madvise(base_, kBytes, MADV_NOHUGEPAGE);
    std::memset(base_, 7, kBytes);
    madvise(base_, kBytes, MADV_HUGEPAGE);
  }
  ~Mapping() { munmap(base_, kBytes); }

  uintptr_t begin() const {
    return (reinterpret_cast<uintptr_t>(base_) + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
  }
  uintptr_t end() const { return begin() + kPages * kHugePageBytes; }
  bool untouched() const {
    const auto* bytes = static_cast<const uint8_t*>(base_);
    return std::all_of(bytes, bytes + kBytes, [](uint8_t byte) { return byte == 7; });
  }

 private:
  static constexpr size_t kBytes = (kPages + 1) * kHugePageBytes;
  void* base_;
};

}  // namespace

TEST_CASE("heap pages: collapsing resumes where it stopped and changes no byte") {
  const Mapping mapping;
  uintptr_t at = mapping.begin();
  at = node::collapse_huge_pages(at, mapping.end(), 3);
  // A kernel that cannot do it fails at the first page.
  CHECK((at == mapping.begin() + 3 * kHugePageBytes || at == mapping.end()));
  at = node::collapse_huge_pages(at, mapping.end(), 3);
  CHECK(at == mapping.end());
  CHECK(node::collapse_huge_pages(at, mapping.end(), 3) == mapping.end());
  CHECK(mapping.untouched());
}
