#include "node/store/block_pool.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

#include "common/prng.h"

using namespace shoal;
using node::BlockPool;
using node::PoolUse;
using node::WorkBound;

namespace {

// A pool whose blocks hold their owners' numbers, at both ends.
struct Owned {
  explicit Owned(size_t size) : size(size) {}

  void add(uint32_t owner) {
    const uint32_t block = pool.add(size, use);
    REQUIRE_FALSE(pool.is_leaving(block));
    REQUIRE(owner_of.emplace(block, owner).second);
    block_of[owner] = block;
    std::memcpy(pool.at(block, size), &owner, sizeof owner);
    std::memcpy(pool.at(block, size) + size - sizeof owner, &owner, sizeof owner);
  }
  void remove(uint32_t owner) {
    const uint32_t block = block_of.at(owner);
    block_of.erase(owner);
    owner_of.erase(block);
    pool.remove(block, size, use);
  }
  // What an owner of blocks does for each of them.
  void compact(uint32_t owner) {
    const uint32_t block = block_of.at(owner);
    if (!pool.is_leaving(block)) return;
    std::vector<uint8_t> content(pool.at(block, size), pool.at(block, size) + size);
    const uint32_t to = pool.add(size, use);
    std::memcpy(pool.at(to, size), content.data(), size);
    pool.remove(block, size, use);
    owner_of.erase(block);
    REQUIRE(owner_of.emplace(to, owner).second);
    block_of[owner] = to;
  }
  bool sort(uint32_t most) {
    WorkBound bound{most};
    const bool sorted = pool.sort_idle(size, bound);
    REQUIRE(bound.records <= most);
    return sorted;
  }
  uint32_t compact_all() {
    pool.begin_leaving(size);
    while (!sort(100)) {
    }
    std::vector<uint32_t> owners;
    for (const auto& [owner, block] : block_of) owners.push_back(owner);
    for (const uint32_t owner : owners) compact(owner);
    const uint32_t before = use.blocks;
    pool.end_leaving(size, use);
    return static_cast<uint32_t>((before - use.blocks) / size);
  }
  void check() const {
    for (const auto& [owner, block] : block_of) {
      uint32_t first = 0;
      uint32_t last = 0;
      std::memcpy(&first, pool.at(block, size), sizeof first);
      std::memcpy(&last, pool.at(block, size) + size - sizeof last, sizeof last);
      REQUIRE(first == owner);
      REQUIRE(last == owner);
    }
    REQUIRE(use.blocks == block_of.size() * size + use.idle);
  }

  size_t size;
  BlockPool pool;
  PoolUse use;
  std::map<uint32_t, uint32_t> block_of;
  std::map<uint32_t, uint32_t> owner_of;
};

}  // namespace

TEST_CASE("block pool: blocks keep their content while others come, go and move") {
  for (const size_t size : {8, 16, 20, 40, 256, 560, 640}) {
    CAPTURE(size);
    Owned owned(size);
    common::Prng prng(size);
    uint32_t next = 1;
    uint32_t cut = 0;
    for (int round = 0; round < 30; ++round) {
      // It grows to some thousand blocks, then shrinks to nearly none, and so on.
      const uint32_t towards = round % 3 == 0 ? 3000 : round % 3 == 1 ? 400 : 10;
      owned.pool.begin_leaving(owned.size);
      bool sorted = false;
      auto visited = owned.block_of;
      for (uint32_t step = 0; step < 2000 || owned.block_of.size() > towards; ++step) {
        const bool grow = prng.below(100) < (owned.block_of.size() < towards ? 70U : 30U);
        if (grow || owned.block_of.empty()) {
          owned.add(next++);
        } else {
          auto chosen = owned.block_of.lower_bound(prng.below(next));
          if (chosen == owned.block_of.end()) chosen = owned.block_of.begin();
          owned.remove(chosen->first);
        }
        sorted = sorted || owned.sort(3);
        if (sorted && !visited.empty()) {
          const auto last = std::prev(visited.end());
          if (owned.block_of.contains(last->first)) owned.compact(last->first);
          visited.erase(last);
        }
      }
      while (!sorted) sorted = owned.sort(1000);
      for (const auto& [owner, block] : visited) {
        if (owned.block_of.contains(owner)) owned.compact(owner);
      }
      const uint32_t before = owned.use.blocks;
      owned.pool.end_leaving(size, owned.use);
      cut += before - owned.use.blocks;
      owned.check();
    }
    CHECK(cut > 2000 * size);
    while (!owned.block_of.empty()) owned.remove(owned.block_of.begin()->first);
    owned.compact_all();
    CHECK(owned.use.blocks == 0);
    CHECK(owned.use.idle == 0);
    CHECK(owned.pool.bytes(size) == 0);
  }
}

TEST_CASE("block pool: after compaction no block is idle") {
  Owned owned(48);
  constexpr uint32_t kBlocks = 10'000;
  for (uint32_t i = 0; i < kBlocks; ++i) owned.add(i);
  for (uint32_t i = 0; i < kBlocks; ++i) {
    if (i % 10 != 0) owned.remove(i);
  }
  CHECK(owned.use.idle == kBlocks / 10 * 9 * 48);
  CHECK(owned.compact_all() == kBlocks / 10 * 9);
  owned.check();
  CHECK(owned.use.blocks == kBlocks / 10 * 48);
  CHECK(owned.pool.bytes(48) < kBlocks / 10 * 48 * 11 / 10);
}

TEST_CASE("block pool: the row stays if what is idle is needed meanwhile") {
  Owned owned(64);
  for (uint32_t i = 0; i < 2000; ++i) owned.add(i);
  for (uint32_t i = 0; i < 2000; i += 2) owned.remove(i);
  owned.pool.begin_leaving(owned.size);
  CHECK(owned.sort(1000));
  for (uint32_t i = 1001; i < 1500; i += 2) owned.compact(i);
  // It is not made longer before all idle blocks are in use, those that should have left too.
  for (uint32_t i = 0; i < 2000; i += 2) owned.add(i);
  CHECK(owned.use.blocks == 2000 * 64);
  for (uint32_t i = 0; i < 2000; ++i) owned.compact(i);
  CHECK(owned.pool.end_leaving(owned.size, owned.use) == 0);
  owned.check();
  for (uint32_t i = 0; i < 2000; i += 2) owned.remove(i);
  CHECK(owned.compact_all() == 1000);
}

TEST_CASE("block pool: what leaves at a time is bounded, and the rest leaves later") {
  constexpr uint32_t kAtOnce = 1024 * 3;  // three in a chunk
  Owned owned(640);
  constexpr uint32_t kBlocks = 10'000;
  for (uint32_t i = 0; i < kBlocks; ++i) owned.add(i);
  for (uint32_t i = 1; i < kBlocks; ++i) owned.remove(i);
  CHECK(owned.compact_all() == kAtOnce);
  CHECK(owned.compact_all() == kAtOnce);
  owned.check();
}
