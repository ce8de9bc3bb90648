#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "common/prng.h"
#include "sync/gaps.h"

using namespace shoal;
using proto::SequenceRange;
using sync::Gaps;

namespace {

using Ranges = std::vector<SequenceRange>;

constexpr int64_t kAgainUs = 50'000;

Ranges take(Gaps& gaps, int64_t now_us, size_t ranges_max = 100, uint64_t packets_max = 10'000) {
  return gaps.claim_due(now_us, kAgainUs, ranges_max, packets_max);
}

}  // namespace

TEST_CASE("gaps: missing until filled, requested after a while and again") {
  Gaps gaps;
  gaps.announced(100, 0);
  CHECK(gaps.missing() == 0);
  CHECK(gaps.deadline_us() == Gaps::kNever);
  gaps.seen(101, 0);
  gaps.seen(104, 1000);
  CHECK(gaps.missing() == 2);
  CHECK(gaps.contiguous() == 101);
  CHECK(gaps.deadline_us() == 1000 + Gaps::kAskAfterUs);
  CHECK(take(gaps, 5000).empty());
  CHECK(take(gaps, 21'000) == Ranges{{102, 103}});
  CHECK(take(gaps, 22'000).empty());
  CHECK(gaps.deadline_us() == 21'000 + kAgainUs);
  gaps.seen(103, 30'000);
  CHECK(gaps.missing() == 1);
  CHECK(take(gaps, 71'000) == Ranges{{102, 102}});
  gaps.seen(102, 80'000);
  CHECK(gaps.missing() == 0);
  CHECK(gaps.contiguous() == 104);
  CHECK(take(gaps, 1'000'000).empty());
  CHECK(gaps.deadline_us() == Gaps::kNever);
  gaps.announced(110, 0);
  CHECK(gaps.missing() == 6);
  gaps.seen(50, 0);  // from before our time: neither missed nor counted
  CHECK(gaps.missing() == 6);
}

TEST_CASE("gaps: without a known beginning the stream begins with what is heard first") {
  Gaps gaps;
  gaps.seen(7, 0);
  CHECK(gaps.missing() == 0);
  CHECK(gaps.contiguous() == 7);
  Gaps from_start;
  from_start.begin(0);
  from_start.begin(5);  // too late
  from_start.seen(7, 0);
  CHECK(from_start.missing() == 6);
}

TEST_CASE("gaps: what the origin no longer has is lost, and only that") {
  Gaps gaps;
  gaps.begin(0);
  gaps.seen(10, 0);
  gaps.seen(20, 0);
  gaps.give_up(12);
  CHECK(gaps.lost() == 11);
  CHECK(gaps.missing() == 7);
  CHECK(gaps.contiguous() == 12);
  gaps.seen(5, 0);  // arrives after all
  CHECK(gaps.lost() == 11);
  gaps.give_up(1000);
  CHECK(gaps.lost() == 18);
  CHECK(gaps.missing() == 0);
  CHECK(gaps.contiguous() == 20);
}

TEST_CASE("gaps: requests are bounded in ranges and packets, and end") {
  Gaps gaps;
  gaps.begin(0);
  gaps.seen(1001, 0);
  CHECK(take(gaps, 20'000, 100, 300) == Ranges{{1, 300}});
  CHECK(gaps.deadline_us() <= 20'000);  // the rest is still due
  CHECK(take(gaps, 40'000, 100, 300) == Ranges{{301, 600}});
  CHECK(take(gaps, 60'000, 100, 1000) == Ranges{{601, 1000}});
  CHECK(gaps.missing() == 1000);
  gaps.give_up_stale(Gaps::kGiveUpUs - 1);
  CHECK(gaps.missing() == 1000);
  gaps.give_up_stale(Gaps::kGiveUpUs);
  CHECK(gaps.missing() == 0);
  CHECK(gaps.lost() == 1000);

  Gaps many;
  many.begin(0);
  for (uint64_t s = 2; s <= 4 * Gaps::kRangesMax; s += 2) many.seen(s, 0);
  CHECK(many.missing() == Gaps::kRangesMax);
  CHECK(many.lost() == Gaps::kRangesMax);
  CHECK(take(many, 20'000, 10).size() == 10);
  Gaps halved;
  halved.begin(0);
  halved.announced(8 * Gaps::kRangesMax, 0);
  for (uint64_t s = 2; s <= 8 * Gaps::kRangesMax; s += 2) halved.seen(s, 0);
  CHECK(halved.missing() <= Gaps::kRangesMax + 1);

  Gaps giant;
  giant.begin(0);
  giant.announced(uint64_t{1} << 56, 0);
  for (int i = 1; i < 10'000; ++i) CHECK(take(giant, i * 20'000, 100, 1000).size() <= 100);
  giant.give_up(uint64_t{1} << 56);
  CHECK(giant.missing() == 0);
}

TEST_CASE("gaps: agrees with a plain set under random loss and reorder") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    common::Prng prng(seed);
    Gaps gaps;
    gaps.begin(0);
    std::set<uint64_t> missing;
    uint64_t top = 0;
    uint64_t lost = 0;
    for (int i = 0; i < 2000; ++i) {
      const uint32_t what = prng.below(100);
      if (what < 70) {
        const uint64_t s = 1 + prng.below(static_cast<uint32_t>(top) + 20);
        for (uint64_t m = top + 1; m < s; ++m) missing.insert(m);
        top = std::max(top, s);
        missing.erase(s);
        gaps.seen(s, i);
      } else if (what < 75) {
        const uint64_t s = top + prng.below(10);
        for (uint64_t m = top + 1; m <= s; ++m) missing.insert(m);
        top = std::max(top, s);
        gaps.announced(s, i);
      } else if (what < 76) {
        const uint64_t s = prng.below(static_cast<uint32_t>(top) + 1);
        while (!missing.empty() && *missing.begin() <= s) {
          missing.erase(missing.begin());
          ++lost;
        }
        gaps.give_up(s);
      } else {
        for (const SequenceRange& range : gaps.claim_due(i * 10'000, 0, 1000, 100'000)) {
          for (uint64_t s = range.first; s <= range.last; ++s) REQUIRE(missing.contains(s));
        }
      }
      REQUIRE(gaps.missing() == missing.size());
      REQUIRE(gaps.lost() == lost);
      REQUIRE(gaps.contiguous() == (missing.empty() ? top : *missing.begin() - 1));
    }
  }
}

TEST_CASE("gaps: late is what had to be requested, counted once") {
  Gaps gaps;
  gaps.begin(10);
  gaps.seen(11, 0);
  gaps.seen(15, 0);
  gaps.seen(13, 5'000);  // reordered only
  CHECK(gaps.sent() == 5);
  CHECK(gaps.late() == 0);
  CHECK(take(gaps, 20'000) == Ranges{{12, 12}, {14, 14}});
  CHECK(gaps.late() == 2);
  CHECK(take(gaps, 70'000).size() == 2);
  CHECK(gaps.late() == 2);
  gaps.announced(115, 100'000);
  CHECK(take(gaps, 200'000, 100, 12).size() == 3);  // in part: the two, and ten of the hundred
  CHECK(gaps.late() == 12);
  CHECK(take(gaps, 200'000, 100, 1000) == Ranges{{26, 115}});
  CHECK(gaps.late() == 102);
  CHECK(gaps.sent() == 105);
  CHECK(gaps.repaired() == 0);
  gaps.seen(12, 300'000);
  gaps.seen(12, 300'000);
  gaps.seen(50, 300'000);
  CHECK(gaps.repaired() == 2);
  gaps.give_up(115);
  gaps.seen(118, 400'000);
  gaps.seen(117, 410'000);  // reordered only
  CHECK(gaps.repaired() == 2);
}

TEST_CASE("gaps: of many origins each has fewer ranges") {
  Gaps gaps;
  gaps.begin(0);
  gaps.share_with(64);
  for (uint64_t s = 2; s <= 4 * Gaps::kRangesMax; s += 2) gaps.seen(s, 0);
  CHECK(gaps.missing() == Gaps::kRangesOfAll / 64);
}
