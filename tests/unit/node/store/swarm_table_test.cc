// The index of a shard's swarms while it grows and shrinks.

#include "node/store/swarm_table.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <utility>
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
        node::WorkBound again{100};
        CHECK(table.swarms.compact(again));
        CHECK(again.records == 0);
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

namespace {

// Peers with a number, which no table has.
node::PeerSet peers_of(uint32_t number) {
  node::PeerSet peers;
  peers.number = number;
  peers.form = node::set_form(node::PeerSet::kFirstClass);
  return peers;
}

// A table and what it must hold. 0: no peers of that family.
struct Paired {
  Table table;
  std::map<uint64_t, std::pair<uint32_t, uint32_t>> expected;
  uint32_t next = 1;

  template <common::Family F>
  uint32_t& number_in(uint64_t swarm) {
    return F == common::Family::v4 ? expected[swarm].first : expected[swarm].second;
  }
  template <common::Family F>
  void add(uint64_t swarm) {
    if (!expected.contains(swarm)) table.insert(swarm);
    const uint64_t hash = common::siphash(table.key, hash_of(swarm).bytes);
    table.swarms.peers_to_add<F>(hash, *table.find(swarm)) = peers_of(next);
    number_in<F>(swarm) = next++;
  }
  template <common::Family F>
  void clear(uint64_t swarm) {
    SwarmEntry* const entry = table.find(swarm);
    node::PeerSet* const peers = table.swarms.find_peers<F>(*entry);
    CHECK((peers != nullptr) == (number_in<F>(swarm) != 0));
    if (peers == nullptr) return;
    *peers = {};
    number_in<F>(swarm) = 0;
    settle(swarm, *entry);
  }
  void clear_both(uint64_t swarm) {
    SwarmEntry* const entry = table.find(swarm);
    if (auto* peers = table.swarms.find_peers<common::Family::v4>(*entry)) *peers = {};
    if (auto* peers = table.swarms.find_peers<common::Family::v6>(*entry)) *peers = {};
    expected[swarm] = {};
    settle(swarm, *entry);
  }
  void settle(uint64_t swarm, SwarmEntry& entry) {
    table.swarms.settle(entry);
    const bool gone = expected[swarm] == std::pair(0U, 0U);
    CHECK(entry.peers.empty() == gone);
    if (!gone) return;
    expected.erase(swarm);
    table.remove(swarm);
  }
  bool right() {
    bool right = table.swarms.size() == expected.size();
    uint32_t pairs = 0;
    for (const auto& each : expected) {
      const uint64_t swarm = each.first;
      const auto& numbers = each.second;
      const SwarmEntry* entry = table.find(swarm);
      right &= entry != nullptr && entry->completed == static_cast<uint32_t>(swarm);
      if (!right) return false;
      const node::PeerSet& v4 = table.swarms.peers<common::Family::v4>(*entry);
      const node::PeerSet& v6 = table.swarms.peers<common::Family::v6>(*entry);
      right &= v4.empty() == (numbers.first == 0) && v4.number == numbers.first;
      right &= v6.empty() == (numbers.second == 0) && v6.number == numbers.second;
      right &= entry->has_pair() == (numbers.first != 0 && numbers.second != 0);
      pairs += entry->has_pair() ? 1 : 0;
      uint32_t seen = 0;
      table.swarms.visit_peers(*entry, [&]<common::Family F>(const node::PeerSet& peers) {
        right &= peers.number == (F == common::Family::v4 ? numbers.first : numbers.second);
        ++seen;
      });
      right &= seen == (entry->has_pair() ? 2U : 1U);
    }
    return right && pairs == table.swarms.pairs();
  }
};

}  // namespace

TEST_CASE("swarm table: pairs of both families are made and undone, and move with their swarms") {
  using common::Family;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    Paired paired;
    common::Prng prng(seed);
    uint32_t most_pairs = 0;
    for (int step = 0; step < 20'000; ++step) {
      // Phases in which they become many and few.
      const bool growing = step / 2500 % 2 == 0;
      const uint64_t swarm = prng.below(1500);
      const bool known = paired.expected.contains(swarm);
      if (prng.below(10) < (growing ? 8U : 3U)) {
        prng.below(2) == 0 ? paired.add<Family::v4>(swarm) : paired.add<Family::v6>(swarm);
      } else if (known && prng.below(4) == 0) {
        paired.clear_both(swarm);
      } else if (known) {
        prng.below(2) == 0 ? paired.clear<Family::v4>(swarm) : paired.clear<Family::v6>(swarm);
      }
      if (prng.below(100) == 0) {
        node::WorkBound bound{20};
        paired.table.swarms.compact(bound);
      }
      most_pairs = std::max(most_pairs, paired.table.swarms.pairs());
      if (step % 500 == 0) CHECK(paired.right());
    }
    CHECK(paired.right());
    CHECK(most_pairs > 300);
    while (!paired.expected.empty()) paired.clear_both(paired.expected.begin()->first);
    CHECK(paired.table.swarms.pairs() == 0);
    node::WorkBound bound{UINT32_MAX};
    CHECK(paired.table.swarms.compact(bound));
    CHECK(paired.table.swarms.bytes() == 0);
  }
}
