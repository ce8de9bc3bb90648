#include "node/os/pages.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <vector>

using namespace shoal;
using node::Pages;

namespace {

struct Element {
  std::array<uint64_t, 8> words{};
};

constexpr size_t kBytes = size_t{8} << 20;
constexpr size_t kElements = kBytes / sizeof(Element);

// What the kernel has given of the array.
size_t pages_there(const Pages<Element>& pages) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> there((kBytes + page - 1) / page);
  REQUIRE(mincore(pages.get(), kBytes, there.data()) == 0);
  return static_cast<size_t>(std::count_if(there.begin(), there.end(), [](auto one) { return one & 1; }));
}

}  // namespace

TEST_CASE("pages: an array is zeros, and is there only where it has been written") {
  const Pages<Element> pages(kElements);
  CHECK(pages_there(pages) == 0);
  pages[kElements / 2].words[3] = 7;
  // One page, small or huge.
  CHECK(pages_there(pages) > 0);
  CHECK(pages_there(pages) <= kBytes / 4096 / 2);
  CHECK(pages[kElements / 2].words[3] == 7);
  bool zeros = true;
  for (size_t i = 0; i < kElements; ++i) {
    for (const uint64_t word : pages[i].words) zeros = zeros && (word == 0 || i == kElements / 2);
  }
  CHECK(zeros);
}

TEST_CASE("pages: the memory goes with the array, and moves with it") {
  void* at = nullptr;
  {
    Pages<Element> pages(kElements);
    pages[0].words[0] = 1;
    at = pages.get();
    const Pages<Element> moved = std::move(pages);
    CHECK(moved.get() == at);
    CHECK(moved[0].words[0] == 1);
  }
  std::vector<unsigned char> there(1);
  CHECK(mincore(at, 1, there.data()) != 0);
}

TEST_CASE("pages: what cannot be had is std::bad_alloc, as from operator new") {
  CHECK_THROWS_AS(Pages<Element>(size_t{1} << 50), std::bad_alloc);
  CHECK_THROWS_AS(Pages<Element>(std::numeric_limits<size_t>::max() / 2), std::bad_alloc);
}
