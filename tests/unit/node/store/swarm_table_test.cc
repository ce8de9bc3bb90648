// The index of a shard's swarms while it grows and shrinks.

#include "node/store/swarm_table.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "common/prng.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using node::SwarmEntry;
using node::SwarmTable;
using test::hash_of;

namespace {

struct Table {
  const common::SipKey key{9};
  node::IndexPlace place;
  SwarmTable swarms{key, place};
  common::Prng prng{3};

  SwarmEntry* find(uint64_t number) {
    const common::InfoHash hash = hash_of(number);
    const uint64_t key_hash = common::siphash(key, hash.bytes);
    SwarmEntry* const found = swarms.find({key_hash}, hash);
    // Whatever the table guesses.
    const uint32_t likely = swarms.likely_number(key_hash);
    CHECK((found == nullptr || likely < swarms.size()));
    for (const uint32_t guess : {likely, prng.below(swarms.size() + 2)}) {
      CHECK(swarms.find({key_hash, guess}, hash) == found);
    }
    return found;
  }
  void insert(uint64_t number) {
    const common::InfoHash hash = hash_of(number);
    swarms.insert(common::siphash(key, hash.bytes), hash).completed = static_cast<uint32_t>(number);
  }
  void remove(uint64_t number) {
    const common::InfoHash hash = hash_of(number);
    const uint64_t key_hash = common::siphash(key, hash.bytes);
    swarms.remove(key_hash, *swarms.find({key_hash}, hash));
  }
};

}  // namespace

TEST_CASE("swarm table: an insert moves a bounded number of others, however many there are") {
  Table table;
  constexpr uint32_t kSwarms = 100'000;
  uint32_t moves = 0;
  for (uint32_t i = 0; i < kSwarms; ++i) {
    const uint32_t left = table.swarms.left_to_move();
    table.insert(i);
    const uint32_t left_now = table.swarms.left_to_move();
    if (left_now > left) {
      // A move has begun: the one before had ended, and nothing forced it.
      CHECK(left <= SwarmTable::kMoveStep);
      CHECK(left_now + SwarmTable::kMoveStep >= i);
      ++moves;
    } else {
      CHECK(left - left_now <= SwarmTable::kMoveStep);
    }
  }
  CHECK(moves > 10);
  bool all_there = true;
  for (uint32_t i = 0; i < kSwarms; ++i)
    all_there &= table.find(i) != nullptr && table.find(i)->completed == i;
  CHECK(all_there);
}

TEST_CASE("swarm table: it holds what was inserted and not removed, also during a move") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Table table;
    common::Prng prng(seed);
    std::vector<uint64_t> there;
    uint64_t next = 0;
    uint32_t moving = 0;
    bool right = true;
    for (int phase = 0; phase < 12; ++phase) {
      const bool growing = phase % 3 != 2;
      for (int i = 0; i < 1500; ++i) {
        moving += table.swarms.left_to_move() > 0 ? 1 : 0;
        if (there.empty() || prng.below(10) < (growing ? 7U : 2U)) {
          there.push_back(next);
          table.insert(next++);
          continue;
        }
        // Sometimes the last, which frees no place for another, or one inserted just now.
        const uint32_t size = static_cast<uint32_t>(there.size());
        const size_t at = prng.below(4) == 0 ? size - 1 - prng.below(std::min(size, 3U)) : prng.below(size);
        const uint64_t gone = there[at];
        table.remove(gone);
        right &= table.find(gone) == nullptr;
        there[at] = there.back();
        there.pop_back();
      }
      if (phase % 4 == 3) {
        for (bool done = false; !done;) {
          node::WorkBound bound{100};
          done = table.swarms.compact(bound);
          CHECK(bound.records <= 100 + SwarmTable::kMoveStep);
        }
      }
      CHECK(table.swarms.size() == there.size());
      for (const uint64_t number : there) {
        const SwarmEntry* entry = table.find(number);
        right &= entry != nullptr && entry->completed == static_cast<uint32_t>(number);
      }
      for (uint64_t number = next; number < next + 100; ++number) right &= table.find(number) == nullptr;
    }
    CHECK(right);
    CHECK(moving > 0);
    while (!there.empty()) {
      table.remove(there.back());
      there.pop_back();
    }
    node::WorkBound bound{UINT32_MAX};
    CHECK(table.swarms.compact(bound));
    CHECK(table.swarms.bytes() == 0);
  }
}
