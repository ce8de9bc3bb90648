#include "sync/ban_log.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "common/prng.h"

namespace shoal::sync {
namespace {

using proto::BanChange;
using proto::Offence;

constexpr int64_t kNowMs = 1'800'000'000'000;
constexpr int64_t kDayMs = 24 * 3'600'000;

proto::BanPrefix prefix_of(uint32_t number) {
  return {4, static_cast<uint8_t>(number >> 24), static_cast<uint8_t>(number >> 16),
          static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)};
}

BanChange ban_of(uint32_t number, uint32_t duration_s, int64_t unix_ms, uint64_t node_id = 1) {
  return {prefix_of(number), {duration_s, Offence::ports, 0, false}, {unix_ms, node_id}};
}

std::vector<BanChange> all(const BanLog& log) {
  std::vector<BanChange> out;
  log.for_each([&](const BanChange& change) { out.push_back(change); });
  return out;
}

TEST_CASE("ban log: a ban is in force until its end, unless it is lifted or of a clock that was ahead") {
  const BanChange ban = ban_of(1, 60, kNowMs);
  CHECK(in_force(ban, kNowMs));
  CHECK(in_force(ban, kNowMs + 59'999));
  CHECK(!in_force(ban, kNowMs + 60'000));
  CHECK(in_force(ban, kNowMs - BanLog::kAheadMaxMs));
  CHECK(!in_force(ban, kNowMs - BanLog::kAheadMaxMs - 1));
  BanChange lifted = ban;
  lifted.term.lifted = true;
  CHECK(!in_force(lifted, kNowMs));
}

TEST_CASE("ban log: in slices all are visited once, also when some come and go between two slices") {
  BanLog log;
  for (uint32_t i = 0; i < 1'000; ++i) log.merge(ban_of(i, 600, kNowMs), kNowMs);
  std::vector<BanChange> visited;
  std::optional<proto::BanPrefix> last;
  size_t slices = 0;
  for (bool more = true; more; ++slices) {
    const size_t before = visited.size();
    more = log.for_some(last, 300, [&](const BanChange& change) { visited.push_back(change); });
    CHECK(visited.size() - before <= 300);
  }
  CHECK(slices == 4);
  CHECK(visited == all(log));
  // What was there from the first slice to the last.
  visited.clear();
  last.reset();
  const auto visit = [&](const BanChange& change) { visited.push_back(change); };
  CHECK(log.for_some(last, 500, visit));
  std::vector<BanChange> gone;
  log.forget_origin(1, kNowMs, gone);
  CHECK(log.size() == 0);
  for (uint32_t i = 0; i < 1'000; i += 2) log.merge(ban_of(i, 600, kNowMs + 1, 2), kNowMs + 1);
  CHECK(!log.for_some(last, 1'000, visit));
  std::vector<BanChange> both = all(log);
  const auto is_visited = [&](const BanChange& change) {
    return std::any_of(visited.begin(), visited.end(),
                       [&](const BanChange& other) { return other.prefix == change.prefix; });
  };
  CHECK(std::all_of(both.begin(), both.end(), is_visited));
}

TEST_CASE("ban log: a ban is remembered for a day after its end, and then dropped on all nodes at once") {
  BanLog a;
  BanLog b;
  a.change(prefix_of(1), {60, Offence::ports, 0, false}, kNowMs, 1);
  a.change(prefix_of(2), {3600, Offence::ports, 1, false}, kNowMs, 1);
  for (const BanChange& change : all(a)) b.merge(change, kNowMs);
  CHECK(a.expire(kNowMs + 60'000 + kDayMs - 1) == 0);
  CHECK(a.expire(kNowMs + 60'000 + kDayMs) == 1);
  CHECK(a.size() == 1);
  // One that still has it does not bring it back.
  CHECK(a.merge(all(b)[0], kNowMs + 60'000 + kDayMs) == BanLog::Merged::known);
  CHECK(a.merge(all(b)[1], kNowMs + 60'000 + kDayMs) == BanLog::Merged::known);
  CHECK(a.size() == 1);
  CHECK(b.expire(kNowMs + 60'000 + kDayMs + 3'000) == 1);
  CHECK(a.digest() == b.digest());
}

TEST_CASE("ban log: of many that end at once some go at each call, those that end first before others") {
  BanLog log;
  constexpr uint32_t kMany = 3 * BanLog::kExpiredMax - 7;
  for (uint32_t i = 0; i < kMany; ++i) log.merge(ban_of(i, 60 + i % 2, kNowMs), kNowMs);
  log.merge(ban_of(kMany, 3'600, kNowMs), kNowMs);
  const int64_t ended_ms = kNowMs + 70'000 + kDayMs;
  CHECK(log.expire(ended_ms) == BanLog::kExpiredMax);
  size_t later = 0;
  log.for_each([&](const BanChange& ban) { later += ban.term.duration_s == 61 ? 1 : 0; });
  CHECK(later == kMany / 2);
  // None of them is taken again, whoever still has it.
  CHECK(log.merge(ban_of(0, 60, kNowMs), ended_ms) == BanLog::Merged::known);
  CHECK(log.expire(ended_ms) == BanLog::kExpiredMax);
  CHECK(log.expire(ended_ms) == BanLog::kExpiredMax - 7);
  CHECK(log.expire(ended_ms) == 0);
  CHECK(log.size() == 1);
}

TEST_CASE("ban log: a clock that is ahead bans nobody for longer, and one that was leaves nothing behind") {
  BanLog log;
  const BanChange ahead = ban_of(1, proto::kBanLongestS, kNowMs + BanLog::kAheadMaxMs + 1);
  CHECK(log.merge(ahead, kNowMs) == BanLog::Merged::ahead);
  CHECK(log.merge(ban_of(2, 60, kNowMs), kNowMs) == BanLog::Merged::news);
  // Cluster time was an hour ahead when this was made.
  log.change(prefix_of(3), {60, Offence::ports, 0, false}, kNowMs + 3'600'000, 1);
  CHECK(log.expire(kNowMs) == 1);
  CHECK(log.size() == 1);
  CHECK(log.find(prefix_of(2)) == ban_of(2, 60, kNowMs));
}

TEST_CASE("ban log: when it is full, what ends first makes room, whatever the order") {
  BanLog log;
  for (uint32_t i = 0; i < BanLog::kChangesMax; ++i) {
    REQUIRE(log.merge(ban_of(i, 3600 + i % 1000, kNowMs), kNowMs) == BanLog::Merged::news);
  }
  // A flood of short bans pushes out no long one.
  CHECK(log.merge(ban_of(1 << 24, 60, kNowMs), kNowMs) == BanLog::Merged::full);
  CHECK(!log.change(prefix_of(1 << 24), {60, Offence::ports, 0, false}, kNowMs, 1));
  CHECK(log.change(prefix_of(1 << 24), {86'400, Offence::ports, 3, false}, kNowMs, 1));
  CHECK(log.size() == BanLog::kChangesMax);
  CHECK(log.displaced() == 1);
  size_t shortest = 0;
  log.for_each([&](const BanChange& ban) { shortest += ban.term.duration_s == 3600 ? 1 : 0; });
  CHECK(shortest == BanLog::kChangesMax / 1000 - 1);
  // One that is known can always be changed.
  CHECK(log.change(prefix_of(5), {60, Offence::by_hand, 0, true}, kNowMs + 1, 1));
}

TEST_CASE("ban log: what a forgotten node said is void, also when it is told again, in any order") {
  common::Prng prng(5);
  std::vector<BanChange> changes;
  for (int i = 0; i < 200; ++i) {
    changes.push_back(
        ban_of(prng.below(30), 60 + prng.below(1000), kNowMs - prng.below(1000), 1 + prng.below(3)));
  }
  BanLog expected;
  for (const BanChange& change : changes) {
    if (change.stamp.node_id != 2) expected.merge(change, kNowMs);
  }
  std::vector<BanChange> dropped;
  for (int round = 0; round < 20; ++round) {
    for (size_t i = changes.size(); i > 1; --i) std::swap(changes[i - 1], changes[prng.below(i)]);
    BanLog log;
    const size_t when = prng.below(200);
    for (size_t i = 0; i < changes.size(); ++i) {
      if (i == when) {
        log.merge_origin({2, kNowMs}, kNowMs);
        log.drop_forgotten(kNowMs, dropped);
      }
      log.merge(changes[i], kNowMs);
    }
    // What a void one had replaced comes from those that still have it.
    for (const BanChange& change : all(expected)) log.merge(change, kNowMs);
    CHECK(all(log) == all(expected));
    CHECK(log.origins_digest() != 0);
    CHECK((log.digest() ^ log.origins_digest()) == expected.digest());
  }
}

TEST_CASE("ban log: a forgotten node that is there goes on, and later than what was forgotten") {
  BanLog log;
  log.merge(ban_of(1, 60, kNowMs + 20'000, 2), kNowMs);
  std::vector<BanChange> dropped;
  const proto::ForgottenOrigin forgotten = log.forget_origin(2, kNowMs, dropped);
  CHECK(forgotten == proto::ForgottenOrigin{2, kNowMs + 20'000});
  CHECK(dropped.size() == 1);
  CHECK(log.merge(ban_of(1, 60, kNowMs + 20'000, 2), kNowMs) == BanLog::Merged::forgotten);
  const auto again = log.change(prefix_of(1), {60, Offence::ports, 0, false}, kNowMs, 2);
  REQUIRE(again);
  CHECK(again->stamp.unix_ms == kNowMs + 20'001);
  BanLog other;
  other.merge_origin(forgotten, kNowMs);
  CHECK(other.merge(*again, kNowMs) == BanLog::Merged::news);
  CHECK(other.digest() == log.digest());
}

TEST_CASE("ban log: what is forgotten is dropped when no ban of it could be left, or the clock was ahead") {
  BanLog log;
  log.merge_origin({1, kNowMs}, kNowMs);
  log.merge_origin({2, kNowMs + 3'600'000}, kNowMs + 3'600'000);
  log.expire(kNowMs);
  CHECK(log.origins() == std::vector{proto::ForgottenOrigin{1, kNowMs}});
  const int64_t later_ms = kNowMs + 31 * kDayMs;
  log.expire(later_ms - 1);
  CHECK(log.origins().size() == 1);
  log.expire(later_ms);
  CHECK(log.digest() == 0);
  CHECK(log.merge_origin({1, kNowMs}, later_ms) == BanLog::Merged::known);
}

TEST_CASE("ban log: of so many forgotten nodes the latest are kept, whatever the order") {
  std::vector<proto::ForgottenOrigin> origins;
  for (uint64_t i = 0; i < 2 * BanLog::kOriginsMax; ++i) {
    origins.push_back({i, kNowMs - static_cast<int64_t>(i)});
  }
  BanLog expected;
  for (size_t i = 0; i < BanLog::kOriginsMax; ++i) expected.merge_origin(origins[i], kNowMs);
  common::Prng prng(6);
  for (int round = 0; round < 5; ++round) {
    for (size_t i = origins.size(); i > 1; --i) std::swap(origins[i - 1], origins[prng.below(i)]);
    BanLog log;
    for (const auto& origin : origins) log.merge_origin(origin, kNowMs);
    CHECK(log.origins() == expected.origins());
    CHECK(log.digest() == expected.digest());
  }
  CHECK(expected.merge_origin({1, kNowMs + BanLog::kAheadMaxMs + 1}, kNowMs) == BanLog::Merged::ahead);
}

TEST_CASE("ban log: what an operator takes back finds room, also among as many made up as late as can be") {
  BanLog a;
  BanLog b;
  const int64_t latest_ms = kNowMs + BanLog::kAheadMaxMs;
  a.merge(ban_of(1, 60, kNowMs, 7), kNowMs);
  for (uint64_t id = 100; id < 100 + BanLog::kOriginsMax; ++id) {
    for (BanLog* log : {&a, &b}) REQUIRE(log->merge_origin({id, latest_ms}, kNowMs) == BanLog::Merged::news);
  }
  std::vector<BanChange> dropped;
  const proto::ForgottenOrigin made = a.forget_origin(7, kNowMs, dropped);
  CHECK(dropped.size() == 1);
  CHECK(made == proto::ForgottenOrigin{7, latest_ms + 1});
  // A millisecond later it is not ahead any more.
  CHECK(b.merge_origin(made, kNowMs) == BanLog::Merged::ahead);
  CHECK(b.merge_origin(made, kNowMs + 1) == BanLog::Merged::news);
  CHECK(a.digest() == b.digest());
  CHECK(a.origins().size() == BanLog::kOriginsMax);
  CHECK(a.merge(ban_of(1, 60, kNowMs, 7), kNowMs) == BanLog::Merged::forgotten);
}

TEST_CASE(
    "ban log: what everybody said is void, whatever node it said it was of, and what comes later is not") {
  BanLog a;
  BanLog b;
  for (uint32_t i = 0; i < 1000; ++i) {
    for (BanLog* log : {&a, &b}) log->merge(ban_of(i, 60, kNowMs + (i == 500 ? 20'000 : 0), i), kNowMs);
  }
  std::vector<BanChange> dropped;
  const proto::ForgottenOrigin made = a.forget_origin(proto::kEverybody, kNowMs, dropped);
  CHECK(made == proto::ForgottenOrigin{proto::kEverybody, kNowMs + 20'000});
  CHECK(dropped.size() == 1000);
  CHECK(a.size() == 0);
  CHECK(a.merge(ban_of(1, 60, kNowMs, 1), kNowMs) == BanLog::Merged::forgotten);
  CHECK(b.merge_origin(made, kNowMs) == BanLog::Merged::news);
  // From now on, even before those that are here have been looked for.
  CHECK(b.merge(ban_of(5000, 60, kNowMs, 3), kNowMs) == BanLog::Merged::forgotten);
  CHECK(b.has_to_drop());
  dropped.clear();
  b.drop_forgotten(kNowMs, dropped);
  CHECK(dropped.size() == 1000);
  CHECK(!b.has_to_drop());
  CHECK(a.digest() == b.digest());
  const auto again = a.change(prefix_of(1), {60, Offence::ports, 0, false}, kNowMs, 1);
  REQUIRE(again);
  CHECK(again->stamp.unix_ms == kNowMs + 20'001);
  CHECK(b.merge(*again, kNowMs) == BanLog::Merged::news);
}

TEST_CASE("ban log: what is forgotten up to a time that is ahead, since the clock was, can be said again") {
  BanLog log;
  log.merge_origin({2, kNowMs + 3'600'000}, kNowMs + 3'600'000);
  CHECK(log.merge_origin({2, kNowMs}, kNowMs) == BanLog::Merged::news);
  CHECK(log.origins() == std::vector{proto::ForgottenOrigin{2, kNowMs}});
  CHECK(log.merge_origin({2, kNowMs - 1}, kNowMs) == BanLog::Merged::known);
}

TEST_CASE("ban log: an origin that is forgotten again is forgotten up to the later time") {
  BanLog twice;
  BanLog once;
  CHECK(twice.merge_origin({2, kNowMs - 1000}, kNowMs) == BanLog::Merged::news);
  CHECK(twice.merge_origin({2, kNowMs}, kNowMs) == BanLog::Merged::news);
  CHECK(once.merge_origin({2, kNowMs}, kNowMs) == BanLog::Merged::news);
  CHECK(twice.origins() == std::vector{proto::ForgottenOrigin{2, kNowMs}});
  CHECK(twice.origins_digest() == once.origins_digest());
  CHECK(twice.merge_origin({2, kNowMs - 1}, kNowMs) == BanLog::Merged::known);
}

}  // namespace
}  // namespace shoal::sync
