// A store at the limit of its memory: what it gives up, what it keeps, and what it says of itself.

#include <doctest/doctest.h>

#include <functional>

#include "tests/unit/support/store_fixture.h"
#include "tests/unit/support/thread_sanitizer.h"

using namespace shoal;
using common::Endpoint;
using node::Limit;
using proto::Event;
using proto::PeerRole;
using test::announce;
using test::hash_of;
using test::scrape;

namespace {

constexpr common::Tick kNow = 118'000'100;
constexpr uint64_t kLimit = uint64_t{8} << 20;
// What 1024 shards take besides: part-filled chunks, and a few blocks of each size.
constexpr uint64_t kBesides = uint64_t{4} << 20;
constexpr uint64_t kHonest = uint64_t{1} << 40;  // numbers of honest swarms begin here

Endpoint address(uint32_t ip, uint16_t port = 6881) { return common::make_endpoint_v4(ip, port); }
Endpoint honest(uint32_t number) { return address((20 + number % 100) << 24 | number << 4); }

struct FullStore {
  std::unique_ptr<node::SwarmStore> store = test::make_store(true);
  uint64_t empty_bytes = store->totals().memory_bytes;
  common::Prng prng{4};
  uint64_t refused = 0;

  FullStore() { store->set_limits({.memory_bytes = kLimit}); }

  Limit add(uint64_t swarm, const Endpoint& peer, common::Tick now = kNow) {
    const Limit limit = announce(*store, {.hash = swarm, .peer = peer, .want = 0}, now, prng).answer.limit;
    if (limit != Limit::none) ++refused;
    return limit;
  }
  void pairs(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      add(kHonest + i, honest(2 * i));
      add(kHonest + i, honest(2 * i + 1));
    }
  }
  uint32_t kept(uint32_t count, uint32_t peers) const {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; ++i) kept += scrape(*store, kHonest + i).leechers == peers;
    return kept;
  }
  uint64_t bytes() const { return store->totals().memory_bytes - empty_bytes; }
};

}  // namespace

TEST_CASE("store memory: a flood of random info_hashes takes what is allowed, and no honest swarm goes" *
          doctest::skip(shoal::test::kThreadSanitizer)) {
  constexpr uint32_t kPairs = 8'000;
  FullStore full;
  full.pairs(kPairs);
  std::function<Endpoint(uint32_t)> flooder;
  uint64_t in_swarm = 1;
  SUBCASE("of one address") {
    flooder = [](uint32_t) { return address(0xc0000201); };
  }
  SUBCASE("of one address and many ports") {
    flooder = [](uint32_t i) { return address(0xc0000201, static_cast<uint16_t>(i | 1)); };
  }
  SUBCASE("of many addresses") {
    flooder = [](uint32_t i) { return address(i * 0x9e3779b1); };
  }
  SUBCASE("over IPv6, an address each") {
    flooder = [](uint32_t i) { return test::v6_peer(i); };
  }
  SUBCASE("of two addresses, both in each swarm") {
    in_swarm = 2;
    flooder = [](uint32_t i) { return address(0xc0000201 + i % 2); };
  }
  SUBCASE("of one address and 40 ports in each swarm") {
    in_swarm = 40;
    flooder = [](uint32_t i) { return address(0xc0000201, static_cast<uint16_t>(1 + i % 40)); };
  }
  constexpr uint32_t kFlood = 700'000;
  uint32_t newcomers = 0;
  for (uint32_t i = 0; i < kFlood; ++i) {
    full.add(i / in_swarm, flooder(i));
    // An honest newcomer is let in, and a second peer finds it if it comes soon.
    if (i % 1000 != 0) continue;
    const uint64_t swarm = 2 * kHonest + i;
    full.add(swarm, honest(i));
    full.add(swarm, honest(i + 1));
    newcomers += scrape(*full.store, swarm).leechers == 2;
  }
  CHECK(full.kept(kPairs, 2) == kPairs);
  CHECK(newcomers == kFlood / 1000);
  CHECK(full.refused == 0);
  CHECK(full.bytes() < kLimit + kBesides);
  CHECK(full.bytes() > kLimit * 3 / 4);
  CHECK(full.store->totals().evicted_swarms > 1000);
  CHECK(full.store->totals().evicted_records >= full.store->totals().evicted_swarms);
  CHECK(full.store->nearly_full());
  // The newcomers that found a second peer stay as well.
  uint32_t stayed = 0;
  for (uint32_t i = 0; i < kFlood; i += 1000) stayed += scrape(*full.store, 2 * kHonest + i).leechers == 2;
  CHECK(stayed == newcomers);
}

TEST_CASE("store memory: a lonely seed that has come again stays; one that has not may go" *
          doctest::skip(shoal::test::kThreadSanitizer)) {
  constexpr uint32_t kSeeds = 4'000;
  FullStore full;
  common::Tick now = kNow;
  for (uint32_t round = 0; round < 3; ++round, now += 2 * common::kRefreshTicks) {
    for (uint32_t i = 0; i < kSeeds; ++i) full.add(kHonest + i, honest(i), now);
  }
  for (uint32_t i = 0; i < kSeeds; ++i) full.add(kHonest + kSeeds + i, honest(i * 3), now);
  for (uint32_t i = 0; i < 600'000; ++i) full.add(i, address(i * 0x9e3779b1), now);
  CHECK(full.kept(kSeeds, 1) == kSeeds);
  const uint32_t all = full.kept(2 * kSeeds, 1);
  CHECK(all < kSeeds + kSeeds / 4);
  CHECK(full.refused == 0);
}

TEST_CASE("store memory: swarms of stopped peers only go first" *
          doctest::skip(shoal::test::kThreadSanitizer)) {
  FullStore full;
  constexpr uint32_t kLonely = 2'000;
  for (uint32_t i = 0; i < kLonely; ++i) full.add(kHonest + i, honest(i));
  for (uint32_t i = 0; i < 300'000; ++i) {
    full.add(i, address(i * 0x9e3779b1));
    announce(*full.store, {.hash = i, .peer = address(i * 0x9e3779b1), .event = Event::stopped}, kNow);
  }
  CHECK(full.kept(kLonely, 1) >= kLonely - kLonely / 50);
  CHECK(full.bytes() < kLimit + kBesides);
}

TEST_CASE("store memory: one address with many ports in large swarms does not lock others out" *
          doctest::skip(shoal::test::kThreadSanitizer)) {
  FullStore full;
  full.pairs(2'000);
  for (uint32_t i = 0; i < 600'000; ++i) {
    full.add(i / 30'000, address(0xc0000201, static_cast<uint16_t>(1 + i % 30'000)));
  }
  CHECK(full.bytes() < kLimit + kBesides);
  uint32_t newcomers = 0;
  for (uint32_t i = 0; i < 20'000; ++i) newcomers += full.add(2 * kHonest + i, honest(i)) == Limit::none;
  CHECK(newcomers > 19'000);
  CHECK(full.kept(2'000, 2) == 2'000);
}

TEST_CASE("store memory: a store full of honest swarms refuses, and says which limit it is" *
          doctest::skip(shoal::test::kThreadSanitizer)) {
  FullStore full;
  full.pairs(180'000);
  CHECK(full.refused > 10'000);
  CHECK(full.bytes() < kLimit + kBesides);
  // Existing peers go on.
  CHECK(announce(*full.store, {.hash = kHonest, .peer = honest(0), .event = Event::completed}, kNow)
            .answer.limit == Limit::none);
  bool refused = false;
  for (uint32_t i = 0; i < 100 && !refused; ++i) refused = full.add(i, address(i)) == Limit::memory;
  CHECK(refused);
  CHECK(full.store->nearly_full());
}

TEST_CASE(
    "store memory: a full store in which nothing may go looks for less each time, until something may") {
  constexpr uint32_t kPairs = 150'000;
  FullStore full;
  full.store->set_limits({});
  full.pairs(kPairs);
  full.store->set_limits({.memory_bytes = uint64_t{4} << 20});
  // How many numbers a refused newcomer draws: two for each shard that is looked at.
  auto draws = [&, swarm = uint64_t{0}]() mutable {
    common::Prng begin = full.prng;
    REQUIRE(full.add(swarm++, address(0xc0000201)) == Limit::memory);
    for (uint32_t drawn = 0; drawn < 1000; ++drawn, begin.next()) {
      common::Prng one = begin;
      common::Prng other = full.prng;
      if (one.next() == other.next() && one.next() == other.next()) return drawn;
    }
    return 1000U;
  };
  for (int i = 0; i < 8; ++i) CHECK(draws() == 8);
  for (int i = 0; i < 20; ++i) CHECK(draws() == 2);
  CHECK(full.kept(kPairs, 2) == kPairs);
  for (uint32_t i = 0; i < 2 * kPairs; ++i) {
    announce(*full.store, {.hash = kHonest + i / 2, .peer = honest(i), .event = Event::stopped}, kNow);
  }
  // Swarms of stopped peers are found, round by round.
  CHECK(draws() == 16);
  CHECK(full.store->totals().evicted_swarms > 8);
}

TEST_CASE("store memory: records of other nodes make room too, but lonely ones of a pull do not" *
          doctest::skip(shoal::test::kThreadSanitizer)) {
  FullStore full;
  for (uint32_t i = 0; i < 200'000; ++i) full.add(i, address(i * 0x9e3779b1));
  const auto told = [](uint64_t swarm, uint32_t peer) {
    return proto::Delta{hash_of(swarm), honest(peer), {PeerRole::leecher, false}, common::stamp_of(kNow)};
  };
  for (uint32_t i = 0; i < 5'000; ++i) {
    CHECK(full.store->merge(std::array{told(kHonest + i, 2 * i), told(kHonest + i, 2 * i + 1)}, kNow) == 2);
  }
  CHECK(full.kept(5'000, 2) == 5'000);
  for (uint32_t i = 0; i < 5'000; ++i) {
    const uint64_t swarm = 2 * kHonest + i;
    full.store->merge_part({hash_of(swarm), 0, std::array{told(swarm, 2 * i), told(swarm, 2 * i + 1)}}, kNow);
    CHECK(scrape(*full.store, swarm).leechers == 2);
  }
  const uint64_t gone = full.store->totals().evicted_swarms;
  for (uint32_t i = 0; i < 5'000; ++i) {
    const uint64_t swarm = 3 * kHonest + i;
    full.store->merge_part({hash_of(swarm), 0, std::array{told(swarm, i)}}, kNow);
  }
  CHECK(full.store->totals().evicted_swarms == gone);
  CHECK(full.store->merges_refused().memory > 2'000);
  CHECK(full.bytes() < kLimit + kBesides);
}

TEST_CASE("store memory: a store that has given up records says so until it has room" *
          doctest::skip(shoal::test::kThreadSanitizer)) {
  FullStore full;
  CHECK_FALSE(full.store->nearly_full());
  for (uint32_t i = 0; i < 120'000; ++i) full.add(i, address(i * 0x9e3779b1));
  CHECK_FALSE(full.store->nearly_full());  // nothing has gone yet
  for (uint32_t i = 120'000; i < 200'000; ++i) full.add(i, address(i * 0x9e3779b1));
  CHECK(full.store->nearly_full());
  CHECK(full.store->totals().giving_up);
  test::expire_all(*full.store, kNow + common::kLifetimeTicks + 1);
  CHECK_FALSE(full.store->nearly_full());
  CHECK(full.store->totals().memory_limit_bytes == kLimit);
  // Its digests are those of what it holds.
  CHECK(full.store->stamp_digests() == sync::StampDigests{});
}

TEST_CASE("store memory: once what was given up has expired everywhere, a store lacks nothing, full or not" *
          doctest::skip(shoal::test::kThreadSanitizer)) {
  FullStore full;
  constexpr uint32_t kPairs = 125'000;  // more than three quarters
  test::expire_all(*full.store, kNow);
  full.pairs(kPairs);
  for (uint32_t i = 0; i < 100'000; ++i) full.add(i, address(i * 0x9e3779b1));
  common::Tick now = kNow + common::kLifetimeTicks / 2;
  for (uint32_t i = 0; i < kPairs; ++i) full.add(kHonest + i, honest(2 * i), now);
  now = kNow + common::kLifetimeTicks - 1;
  test::expire_all(*full.store, now);
  CHECK(full.store->nearly_full());
  test::expire_all(*full.store, now + 1);
  CHECK(full.store->totals().swarms == kPairs);
  CHECK_FALSE(full.store->nearly_full());
}

TEST_CASE("store memory: lonely newcomers do not pay for a flood from one address, also in a small store" *
          doctest::skip(shoal::test::kThreadSanitizer)) {
  FullStore full;
  full.store->set_limits({.memory_bytes = uint64_t{1} << 20});
  constexpr uint32_t kNewcomers = 500;
  for (uint32_t i = 0; i < 60'000; ++i) full.add(i, address(0xc0000201));
  for (uint32_t i = 0; i < kNewcomers; ++i) full.add(kHonest + i, honest(i));
  for (uint32_t i = 60'000; i < 120'000; ++i) full.add(i, address(0xc0000201));
  CHECK(full.kept(kNewcomers, 1) >= kNewcomers * 95 / 100);
}

TEST_CASE("store memory: a sweep, which counts anew, makes no newcomer be refused" *
          doctest::skip(shoal::test::kThreadSanitizer)) {
  FullStore full;
  for (uint32_t i = 0; i < 200'000; ++i) full.add(i, address(0xc0000201));
  for (uint32_t round = 0; round < 5; ++round) {
    test::expire_all(*full.store, kNow + 1 + round);
    CHECK(full.add(kHonest + round, honest(round), kNow + 1 + round) == Limit::none);
    for (uint32_t i = 0; i < 20'000; ++i) full.add(2 * kHonest + i, address(i * 0x9e3779b1), kNow + 1);
  }
  CHECK(full.refused == 0);
}

TEST_CASE("store memory: a lower limit is reached by and by; none gives nothing up" *
          doctest::skip(shoal::test::kThreadSanitizer)) {
  FullStore full;
  full.store->set_limits({});
  for (uint32_t i = 0; i < 100'000; ++i) full.add(i, address(i * 0x9e3779b1));
  CHECK(full.store->totals().evicted_swarms == 0);
  full.store->set_limits({.memory_bytes = kLimit / 2});
  for (uint32_t i = 100'000; i < 160'000; ++i) full.add(i, address(i * 0x9e3779b1));
  test::expire_all(*full.store, kNow + 1);
  CHECK(full.bytes() < kLimit / 2 + kBesides);
  CHECK(full.refused < 10'000);
}

TEST_CASE("store memory: a flood that has expired leaves nearly nothing behind" *
          doctest::skip(shoal::test::kThreadSanitizer)) {
  constexpr uint32_t kSwarms = 20'000;
  FullStore full;
  full.store->set_limits({});
  common::Tick now = kNow;
  const auto everybody = [&] {
    for (uint32_t i = 0; i < 3 * kSwarms; ++i) full.add(kHonest + i % kSwarms, honest(i), now);
  };
  everybody();
  test::expire_all(*full.store, now);
  const uint64_t before = full.bytes();
  // Lonely swarms, small ones, and more peers for those that were there.
  for (uint32_t i = 0; i < 200'000; ++i) {
    full.add(i % 3 == 0 ? i : i % 3 == 1 ? i / 20 : kHonest + i % kSwarms, address(i * 0x9e3779b1), now);
  }
  CHECK(full.bytes() > 3 * before);
  for (int i = 0; i < 4; ++i) {
    everybody();
    now += common::kLifetimeTicks / 2;
    test::expire_all(*full.store, now);
  }
  CHECK(full.store->totals().swarms == kSwarms);
  CHECK(full.bytes() < before * 12 / 10);
}
