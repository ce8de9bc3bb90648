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

namespace {

constexpr size_t kBlock = 2560;

using Blocks = std::vector<std::unique_ptr<char[]>>;

Blocks written_blocks(size_t count) {
  Blocks blocks(count);
  for (auto& block : blocks) {
    block = std::make_unique<char[]>(kBlock);
    for (size_t i = 0; i < kBlock; i += 1024) block[i] = 1;
  }
  return blocks;
}

// One in two hundred stays, the last among them.
void free_most(Blocks& blocks) {
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (i % 200 != 199) blocks[i].reset();
  }
}

// A moment at which there is nothing to give back.
int64_t settle(node::HeapTrim& trim) {
  int64_t now_ms = 1000;
  for (int i = 0; i < 5; ++i) trim.step(now_ms += node::HeapTrim::kCalmMs);
  return now_ms;
}

}  // namespace

TEST_CASE("heap trim: what lies unused between blocks in use goes back to the system" *
          doctest::skip(kOwnAllocator)) {
  constexpr size_t kBlocks = 40'000;  // 100 MiB
  node::HeapTrim trim;
  int64_t now_ms = settle(trim);
  const size_t before = resident_bytes();
  Blocks blocks = written_blocks(kBlocks);
  CHECK(resident_bytes() - before > 80 << 20);
  CHECK_FALSE(trim.step(now_ms += 1000));  // nothing is unused
  free_most(blocks);
  CHECK(resident_bytes() - before > 80 << 20);
  CHECK_FALSE(trim.step(now_ms + node::HeapTrim::kLookEveryMs - 1));  // it looked a moment ago
  CHECK(trim.step(now_ms += 1000));
  CHECK(resident_bytes() < before + (15 << 20));
  CHECK_FALSE(trim.step(now_ms + 10'000));  // once
}

TEST_CASE("heap trim: a rest that is too little for it goes when nobody has taken it for a while" *
          doctest::skip(kOwnAllocator)) {
  constexpr size_t kBlocks = 1200;  // 3 MiB
  node::HeapTrim trim;
  int64_t now_ms = settle(trim);
  Blocks blocks = written_blocks(kBlocks);
  // It looks while they are in use: they may lie in what other tests have left.
  CHECK_FALSE(trim.step(now_ms += 1000));
  free_most(blocks);
  const size_t before = resident_bytes();
  CHECK_FALSE(trim.step(now_ms += 1000));
  CHECK_FALSE(trim.step(now_ms += node::HeapTrim::kCalmMs - 1000));
  SUBCASE("calm") {
    CHECK(trim.step(now_ms + 2000));
    CHECK(resident_bytes() < before - (2 << 20));
    CHECK_FALSE(trim.step(now_ms + 20'000));  // once
  }
  SUBCASE("somebody takes some of it, and frees it again") {
    {
      const Blocks taken = written_blocks(100);
      CHECK_FALSE(trim.step(now_ms + 1000));
    }
    CHECK_FALSE(trim.step(now_ms + 2000));
    CHECK_FALSE(trim.step(now_ms + 2000 + node::HeapTrim::kCalmMs - 1));
    CHECK(trim.step(now_ms + 2100 + node::HeapTrim::kCalmMs));
  }
}
