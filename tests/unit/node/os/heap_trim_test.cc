#include "node/os/heap_trim.h"

#include <doctest/doctest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

using namespace shoal;

namespace {

size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  size_t all = 0;
  size_t resident = 0;
  file >> all >> resident;
  return resident * 4096;
}

}  // namespace

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kOwnAllocator = true;  // malloc is not the C library's
#else
constexpr bool kOwnAllocator = false;
#endif

TEST_CASE("heap trim: what lies unused between blocks in use goes back to the system" *
          doctest::skip(kOwnAllocator)) {
  constexpr size_t kBlock = 2560;
  constexpr size_t kBlocks = 40'000;  // 100 MiB
  node::HeapTrim trim;
  int64_t now_ms = 1000;
  while (trim.step(now_ms)) now_ms += 1000;
  const size_t before = resident_bytes();
  std::vector<std::unique_ptr<char[]>> blocks(kBlocks);
  for (auto& block : blocks) {
    block = std::make_unique<char[]>(kBlock);
    for (size_t i = 0; i < kBlock; i += 1024) block[i] = 1;
  }
  CHECK(resident_bytes() - before > 80 << 20);
  CHECK_FALSE(trim.step(now_ms += 1000));  // nothing is unused
  // One in two hundred stays, the last among them.
  for (size_t i = 0; i < kBlocks; ++i) {
    if (i % 200 != 199) blocks[i].reset();
  }
  CHECK(resident_bytes() - before > 80 << 20);
  CHECK_FALSE(trim.step(now_ms + node::HeapTrim::kLookEveryMs - 1));  // it looked a moment ago
  CHECK(trim.step(now_ms += 1000));
  CHECK(resident_bytes() < before + (15 << 20));
  CHECK_FALSE(trim.step(now_ms + 10'000));  // once
}
