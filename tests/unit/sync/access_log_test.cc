#include "sync/access_log.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "common/prng.h"
#include "node/access/access_state.h"
#include "proto/sync_packet.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using proto::AccessChange;
using sync::AccessLog;
using test::hash_of;

namespace {

std::vector<AccessChange> all(const AccessLog& log) {
  std::vector<AccessChange> changes;
  log.for_each([&](const AccessChange& change) { changes.push_back(change); });
  return changes;
}

}  // namespace

TEST_CASE("access log: a change of this node wins over what it replaces, whatever the clock says") {
  AccessLog log;
  const auto first = log.change(hash_of(1), true, 5000, 1);
  REQUIRE(first);
  CHECK(first->stamp == proto::ChangeStamp{5000, 1});
  const auto second = log.change(hash_of(1), false, 4000, 2);
  CHECK(second->stamp == proto::ChangeStamp{5001, 2});
  CHECK(log.size() == 1);
  AccessLog other;
  CHECK(other.restore(*second) == AccessLog::Merged::news);
  CHECK(other.restore(*first) == AccessLog::Merged::known);
  CHECK(all(other) == all(log));
}

TEST_CASE("access log: any order and any repetition give the same list") {
  common::Prng prng(11);
  std::vector<AccessChange> changes;
  for (int i = 0; i < 300; ++i) {
    // Times and nodes collide often.
    changes.push_back(
        {hash_of(prng.below(20)), prng.below(2) == 0, {static_cast<int64_t>(prng.below(5)), prng.below(3)}});
  }
  AccessLog expected;
  for (const AccessChange& change : changes) expected.restore(change);
  for (int round = 0; round < 20; ++round) {
    for (size_t i = changes.size(); i > 1; --i) std::swap(changes[i - 1], changes[prng.below(i)]);
    AccessLog log;
    for (const AccessChange& change : changes) log.restore(change);
    for (size_t i = 0; i < 50; ++i) CHECK(log.restore(changes[i]) == AccessLog::Merged::known);
    CHECK(all(log) == all(expected));
    CHECK(log.digest() == expected.digest());
    CHECK(log.bucket_digests() == expected.bucket_digests());
  }
}

TEST_CASE("access log: digests tell what differs") {
  AccessLog a;
  AccessLog b;
  CHECK(a.digest() == 0);
  for (uint64_t i = 0; i < 1000; ++i) {
    const auto change = a.change(hash_of(i), true, 1, 1);
    if (i != 500) b.restore(*change);
  }
  CHECK(a.digest() != b.digest());
  const size_t bucket = hash_of(500).bytes[0];
  for (size_t i = 0; i < AccessLog::kBuckets; ++i) {
    CHECK((a.bucket_digests()[i] == b.bucket_digests()[i]) == (i != bucket));
  }
  a.for_bucket(bucket, [&](const AccessChange& change) {
    CHECK(change.info_hash.bytes[0] == bucket);
    b.restore(change);
    return true;
  });
  CHECK(a.digest() == b.digest());
  b.change(hash_of(7), false, 1, 1);
  CHECK(a.digest() != b.digest());
}

TEST_CASE("access log: bounded, and existing entries can still be changed") {
  AccessLog log;
  for (uint64_t i = 0; i < AccessLog::kChangesMax; ++i) REQUIRE(log.change(hash_of(i), true, 1, 1));
  CHECK(!log.change(hash_of(AccessLog::kChangesMax), true, 1, 1));
  CHECK(log.restore({hash_of(AccessLog::kChangesMax), true, {9, 9}}) == AccessLog::Merged::full);
  CHECK(log.change(hash_of(5), false, 1, 1));
  CHECK(log.restore({hash_of(6), false, {9, 9}}) == AccessLog::Merged::news);
  CHECK(log.size() == AccessLog::kChangesMax);
}

TEST_CASE("access state: parses and prints") {
  AccessLog log;
  CHECK(node::format_access_state(log) == "shoal-access-1\n");
  log.restore({hash_of(1), true, {1700000000123, 0xfedcba9876543210}});
  log.restore({hash_of(2), false, {0, 1}});
  const proto::ForgottenOrigin forgotten{7, 1700000000123};
  log.restore_origins(std::span(&forgotten, 1));
  const auto read = node::parse_access_state("f", node::format_access_state(log));
  REQUIRE(read);
  CHECK(all(*read) == all(log));
  CHECK(read->digest() == log.digest());
  CHECK(read->origins() == std::vector{proto::ForgottenOrigin{7, 1700000000123}});
}

TEST_CASE("access state: what a node changed long after it was forgotten is there after a start") {
  constexpr int64_t kUpToMs = 1'700'000'000'000;
  constexpr int64_t kDayMs = 24 * 3'600'000;
  for (const uint64_t forgotten_id : {uint64_t{7}, proto::kEverybody}) {
    AccessLog log;
    std::vector<AccessChange> dropped;
    log.restore({hash_of(1), true, {kUpToMs, 7}});
    log.forget_origin(forgotten_id, kUpToMs, dropped);
    CHECK(dropped.size() == 1);
    REQUIRE(log.change(hash_of(2), true, kUpToMs + 3 * kDayMs, 7));
    const auto read = node::parse_access_state("f", node::format_access_state(log));
    REQUIRE(read);
    CHECK(all(*read) == all(log));
    CHECK(read->size() == 1);
    CHECK(read->origins() == log.origins());
    CHECK(!read->has_to_drop());
  }
  // A change that the same file takes back is not there.
  const auto read = node::parse_access_state(
      "f",
      "shoal-access-1\n0123456789abcdef0123456789abcdef01234567 add 5 0000000000000007\n"
      "forget 5 0000000000000007\n");
  REQUIRE(read);
  CHECK(read->size() == 0);
}

TEST_CASE("access log: it is not full for good, whatever node ids somebody made up") {
  constexpr int64_t kNowMs = 1'800'000'000'000;
  AccessLog log;
  common::Prng prng(3);
  for (uint64_t i = 0; i < AccessLog::kChangesMax; ++i) {
    REQUIRE(log.restore({hash_of(i), true, {kNowMs + static_cast<int64_t>(i), prng.next()}}) ==
            AccessLog::Merged::news);
  }
  CHECK(!log.change(hash_of(AccessLog::kChangesMax), true, kNowMs, 1));
  std::vector<AccessChange> dropped;
  log.forget_origin(proto::kEverybody, kNowMs, dropped);
  CHECK(dropped.size() == AccessLog::kChangesMax);
  CHECK(log.change(hash_of(AccessLog::kChangesMax), true, kNowMs, 1));
}

TEST_CASE("access state: a bad line is named") {
  const std::string hash = "0123456789abcdef0123456789abcdef01234567";
  const std::string good = hash + " add 1 00000000000000ff\n";
  const auto error = [](const std::string& text) {
    const auto log = node::parse_access_state("f", text);
    return log ? "none" : log.error().message.substr(0, log.error().message.find(": "));
  };
  CHECK(error("") == "f:1");
  CHECK(error("shoal-access-2\n") == "f:1");
  CHECK(error("shoal-access-1\n") == "none");
  CHECK(error("shoal-access-1") == "none");
  CHECK(error("shoal-access-1\n" + good) == "none");
  for (const std::string& bad :
       {hash + "\n", hash + " add\n", hash + " add 1\n", hash + " add 1 ff\n",
        hash + " put 1 00000000000000ff\n", hash + " add -1 00000000000000ff\n",
        hash + " add 99999999999999999999 00000000000000ff\n", hash + " add 1 00000000000000fg\n",
        hash + " add 1 00000000000000ff x\n", "x" + good, std::string("\n"), std::string("forget 1\n"),
        std::string("forget x 00000000000000ff\n"), hash + " add 1x 00000000000000ff\n"}) {
    CAPTURE(bad);
    CHECK(error("shoal-access-1\n" + good + bad + good) == "f:3");
  }
}

TEST_CASE("access log: a change from the far future is not taken, and what replaces it counts as later") {
  constexpr int64_t kNowMs = 1'800'000'000'000;
  const int64_t far_ms = proto::kSyncTimeMaxMs;
  AccessLog log;
  CHECK(log.merge({hash_of(1), true, {far_ms, 5}}, kNowMs) == AccessLog::Merged::ahead);
  CHECK(log.merge({hash_of(1), true, {kNowMs + AccessLog::kAheadMaxMs + 1, 5}}, kNowMs) ==
        AccessLog::Merged::ahead);
  CHECK(log.size() == 0);
  CHECK(log.merge({hash_of(1), true, {kNowMs + 3'600'000, 5}}, kNowMs) == AccessLog::Merged::news);
  // As a file may hold it, of a time when the clock was wrong.
  CHECK(log.restore({hash_of(2), true, {far_ms, 5}}) == AccessLog::Merged::news);
  const auto corrected = log.change(hash_of(2), false, kNowMs, 1);
  REQUIRE(corrected);
  CHECK(corrected->stamp.unix_ms == kNowMs);
  AccessLog other;
  other.restore({hash_of(2), true, {far_ms, 5}});
  CHECK(other.merge(*corrected, kNowMs) == AccessLog::Merged::news);
  other.merge({hash_of(1), true, {kNowMs + 3'600'000, 5}}, kNowMs);
  CHECK(other.digest() == log.digest());
}

TEST_CASE("access state: what a log writes is read, and others understand what corrects it") {
  AccessLog log;
  log.restore({hash_of(1), true, {proto::kSyncTimeMaxMs, 5}});
  const auto corrected = log.change(hash_of(1), false, proto::kSyncTimeMaxMs, 1);
  REQUIRE(corrected);
  const auto read = node::parse_access_state("f", node::format_access_state(log));
  REQUIRE(read);
  CHECK(read->size() == 1);
  read->for_each([](const AccessChange& change) {
    CHECK(!change.listed);
    CHECK(proto::decode_sync_packet(proto::encode_sync_packet(proto::AccessChanges{{change}})).has_value());
  });
}
