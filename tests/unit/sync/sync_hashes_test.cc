// Info_hashes by number: what an origin has told, what a receiver has heard, and the deltas that wait.

#include <doctest/doctest.h>

#include "common/prng.h"
#include "sync/deltas_aside.h"
#include "sync/heard_hashes.h"
#include "sync/told_hashes.h"
#include "tests/unit/support/heap_bytes.h"

namespace shoal::sync {
namespace {

common::InfoHash hash_of(uint64_t number) {
  common::InfoHash hash;
  common::Prng prng(number);
  for (uint8_t& byte : hash.bytes) byte = static_cast<uint8_t>(prng.next());
  return hash;
}

constexpr int64_t kSettleUs = ToldHashes::kSettleUs;

}  // namespace

TEST_CASE("told hashes: a number is used a second after it was told, or after a pause") {
  ToldHashes told({});
  told.settle(0);
  told.tell(hash_of(1));
  for (int64_t now_us = 0; now_us < kSettleUs; now_us += 50'000) {
    told.settle(now_us);
    CHECK(told.number_of(hash_of(1)) == 0);
  }
  told.settle(kSettleUs);
  told.tell(hash_of(1));  // again: it keeps its first number
  told.tell(hash_of(2));
  CHECK(told.next() == 4);
  told.settle(kSettleUs + 150'000);
  CHECK(told.number_of(hash_of(1)) == 1);
  for (int64_t now_us = kSettleUs + 150'000; now_us < 2 * kSettleUs; now_us += 50'000) {
    told.settle(now_us);
    CHECK(told.number_of(hash_of(2)) == 0);
  }
  told.settle(2 * kSettleUs + 150'000);
  CHECK(told.number_of(hash_of(1)) == 1);
  CHECK(told.number_of(hash_of(2)) == 3);
  CHECK(told.number_of(hash_of(3)) == 0);
  told.tell(hash_of(3));
  told.settle(9 * kSettleUs);
  CHECK(told.number_of(hash_of(3)) == 4);
  // What was told is there to be asked for, settled or not.
  CHECK(*told.find(2) == hash_of(1));
  CHECK(told.find(0) == nullptr);
  CHECK(told.find(5) == nullptr);
}

TEST_CASE("told hashes: numbers reach back as far as receivers keep them, and the last are kept to be told") {
  ToldHashes told({});
  told.share_with(2);
  constexpr uint64_t kReach = HeardHashes::kMost / 2;
  constexpr uint64_t kCount = ToldHashes::kKept + 5'000;
  for (uint64_t i = 1; i <= kCount; ++i) told.tell(hash_of(i));
  told.settle(0);
  told.settle(2 * kSettleUs);
  CHECK(told.oldest() == 5'001);
  CHECK(told.find(5'000) == nullptr);
  size_t named = 0;
  for (uint64_t i = 1; i <= kCount; ++i) {
    if (i >= told.oldest()) REQUIRE(*told.find(i) == hash_of(i));
    const uint64_t number = told.number_of(hash_of(i));
    if (number == 0) continue;
    REQUIRE(number == i);
    REQUIRE(i + kReach > kCount);
    ++named;
  }
  // A set of the index that is full forgets the oldest, and its info_hash is told again.
  CHECK(named > kReach * 95 / 100);
  told.share_with(64);
  CHECK(told.number_of(hash_of(kCount)) == kCount);
  CHECK(told.number_of(hash_of(kCount - HeardHashes::most(64))) == 0);
}

TEST_CASE("told hashes: info_hashes with one beginning or one end are told apart") {
  ToldHashes told({});
  common::InfoHash hash;
  for (uint32_t end : {0u, 16u}) {
    for (uint32_t i = 0; i < 20'000; ++i) {
      for (uint32_t byte = 0; byte < 4; ++byte) hash.bytes[end + byte] = static_cast<uint8_t>(i >> 8 * byte);
      told.tell(hash);
    }
  }
  told.settle(0);
  told.settle(2 * kSettleUs);
  size_t named = 0;
  for (uint32_t i = 0; i < 20'000; ++i) {
    for (uint32_t byte = 0; byte < 4; ++byte) hash.bytes[16 + byte] = static_cast<uint8_t>(i >> 8 * byte);
    const uint64_t number = told.number_of(hash);
    if (number == 0) continue;
    REQUIRE(*told.find(number) == hash);
    ++named;
  }
  CHECK(named > 19'500);
}

TEST_CASE("heard hashes: in any order, with holes, at least the last") {
  HeardHashes heard;
  CHECK(heard.find(0) == nullptr);
  CHECK(heard.find(1) == nullptr);
  for (const uint64_t number : {57, 60, 12}) heard.learn(number, hash_of(number));
  for (const uint64_t number : {12, 57, 60}) REQUIRE(*heard.find(number) == hash_of(number));
  for (const uint64_t number : {0, 11, 13, 58, 61}) CHECK(heard.find(number) == nullptr);
  CHECK(heard.find(12 + heard.places()) == nullptr);
  // Of 200 origins each has its share.
  constexpr size_t kShare = HeardHashes::kOfAll / 200;
  heard.share_with(200);
  for (uint64_t number = 1; number <= 3 * kShare; ++number) heard.learn(number, hash_of(number));
  CHECK(heard.places() == kShare);
  for (uint64_t number = 1; number <= 2 * kShare; ++number) REQUIRE(heard.find(number) == nullptr);
  for (uint64_t number = 2 * kShare + 1; number <= 3 * kShare; ++number) {
    REQUIRE(*heard.find(number) == hash_of(number));
  }
  // One from before does not push out a later one.
  heard.learn(kShare, hash_of(kShare));
  CHECK(heard.find(kShare) == nullptr);
  CHECK(*heard.find(3 * kShare) == hash_of(3 * kShare));
  // An origin alone has no more than the most of one; of many none has less than the least.
  CHECK(HeardHashes::most(1) == HeardHashes::kMost);
  CHECK(HeardHashes::most(100'000) == HeardHashes::kLeast);
}

TEST_CASE("heard hashes: fewer are kept when there are more origins") {
  HeardHashes heard;
  for (uint64_t i = 1; i <= 100'000; ++i) heard.learn(i, hash_of(i % 10));
  for (uint64_t i = 1; i <= 100'000; ++i) REQUIRE(heard.find(i) != nullptr);
  heard.share_with(64);
  constexpr size_t kShare = HeardHashes::kOfAll / 64;
  CHECK(heard.places() == kShare);
  for (uint64_t i = 1; i <= 100'000; ++i) REQUIRE((heard.find(i) != nullptr) == (i > 100'000 - kShare));
  CHECK(*heard.find(100'000) == hash_of(0));
}

TEST_CASE("heard hashes: a number costs the same however far it leaps") {
  // As many as one packet of the protocol names, as far apart as a window that is walked would be long.
  for (const uint64_t step : {uint64_t{HeardHashes::kMost - 1}, uint64_t{1} << 40}) {
    HeardHashes heard;
    for (uint64_t i = 1; i <= 45; ++i) heard.learn(1 + i * step, hash_of(i));
    CHECK(*heard.find(1 + 45 * step) == hash_of(45));
    // Memory is of what was told.
    CHECK(heard.places() <= (step % 2 == 1 ? HeardHashes::kLeast : HeardHashes::kMost));
  }
}

TEST_CASE("deltas aside: asked for in passes, in small numbers, until told or too old") {
  DeltasAside aside;
  CHECK(aside.deadline_us() == DeltasAside::kNever);
  for (uint64_t number = 1; number <= 250; ++number) {
    for (int i = 0; i < 2; ++i) REQUIRE(aside.keep(number, {{}, 7}, 1'000));
  }
  CHECK(aside.size() == 500);
  CHECK(aside.deadline_us() == 1'000 + DeltasAside::kAskAfterUs);
  int64_t now_us = aside.deadline_us();
  auto due = aside.claim_due(now_us, 400'000, 100);
  CHECK(due.size() == 100);
  CHECK(due.back() == 100);
  CHECK(aside.take(101).size() == 2);
  CHECK(aside.take(101).empty());
  CHECK(aside.deadline_us() == now_us + DeltasAside::kAskAfterUs);
  const int64_t pass_us = now_us;
  now_us = aside.deadline_us();
  CHECK(aside.claim_due(now_us, 400'000, 100).front() == 102);
  now_us = aside.deadline_us();
  due = aside.claim_due(now_us, 400'000, 100);
  CHECK(due.size() == 49);
  // The next pass begins a while after this one did.
  CHECK(aside.deadline_us() == pass_us + 400'000);
  due = aside.claim_due(pass_us + 400'000, 400'000, 100);
  CHECK(due.front() == 1);
  CHECK(aside.drop_before(51) == 100);
  CHECK(aside.size() == 398);
  // Too old.
  REQUIRE(aside.keep(300, {{}, 7}, 2'000));
  CHECK(aside.drop_older(999 + DeltasAside::kKeepUs) == 0);
  CHECK(aside.drop_older(1'000 + DeltasAside::kKeepUs) == 398);
  CHECK(aside.size() == 1);
  CHECK(aside.drop_older(2'000 + DeltasAside::kKeepUs) == 1);
  CHECK(aside.empty());
  CHECK(aside.deadline_us() == DeltasAside::kNever);
}

TEST_CASE("deltas aside: a pass ends when nothing waits any more") {
  DeltasAside aside;
  for (uint64_t number = 101; number <= 300; ++number) aside.keep(number, {}, 0);
  int64_t now_us = aside.deadline_us();
  REQUIRE(aside.claim_due(now_us, 400'000, 100).back() == 200);
  aside.drop_all();
  // Below what was asked for in that pass.
  aside.keep(7, {}, now_us + 50'000);
  now_us = aside.deadline_us();
  CHECK(now_us == DeltasAside::kAskAfterUs + 50'000 + DeltasAside::kAskAfterUs);
  CHECK(aside.claim_due(now_us, 400'000, 100) == std::vector<uint64_t>{7});
}

TEST_CASE("deltas aside: a delta that waits costs at most 160 bytes") {
  DeltasAside aside;
  const int64_t before = test::heap_bytes();
  for (uint64_t number = 1; number <= DeltasAside::kMost; ++number) REQUIRE(aside.keep(number, {}, 0));
  const int64_t each = (test::heap_bytes() - before) / static_cast<int64_t>(DeltasAside::kMost);
  CAPTURE(each);
  CHECK(each <= 160);
}

TEST_CASE("deltas aside: bounded, of many origins each has its share") {
  DeltasAside aside;
  aside.share_with(32);
  size_t kept = 0;
  for (uint64_t i = 0; i < 10'000; ++i) kept += aside.keep(i % 7, {}, 0) ? 1 : 0;
  CHECK(kept == DeltasAside::kOfAll / 32);
  CHECK(aside.drop_all() == kept);
  CHECK(aside.empty());
  aside.share_with(1);
  kept = 0;
  for (uint64_t i = 0; i < 10'000; ++i) kept += aside.keep(i, {}, 0) ? 1 : 0;
  CHECK(kept == DeltasAside::kMost);
}

}  // namespace shoal::sync
