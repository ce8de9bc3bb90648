#include "node/feeds/feed_state.h"

#include <doctest/doctest.h>

using namespace shoal;
using node::FeedAttempt;
using node::FeedResult;
using node::FeedState;

namespace {

constexpr int64_t kNow = 1'000'000;
constexpr int64_t kUnix = 1'900'000'000'000;

node::FeedSource source(uint32_t refresh_s = 3600) {
  return {"a", node::FeedKind::networks, refresh_s, "https://user:word@lists.example/a.gz?key=word#x"};
}

FeedAttempt changed(size_t entries) {
  FeedAttempt attempt;
  attempt.result = FeedResult::changed;
  attempt.entries = entries;
  attempt.version.etag = "\"1\"";
  return attempt;
}

FeedAttempt of(FeedResult result, const std::string& reason = "") {
  FeedAttempt attempt;
  attempt.result = result;
  attempt.reason = reason;
  return attempt;
}

// `due` is about `seconds` after `from`, within the jitter.
bool about(int64_t due, int64_t from, int64_t seconds) {
  const auto ms = static_cast<double>(seconds * 1000);
  return static_cast<double>(due - from) >= ms * (1 - node::kFeedJitter) - 1 &&
         static_cast<double>(due - from) <= ms * (1 + node::kFeedJitter) + 1;
}

}  // namespace

TEST_CASE("feed state: it is fetched soon after the start, then at its own times") {
  FeedState state(source(), 1, kNow);
  CHECK(state.due_ms() >= kNow);
  CHECK(state.due_ms() <= kNow + node::kFeedStartSpreadMs);
  state.begin();
  CHECK(state.status(kNow, kUnix).fetching);
  CHECK(state.end(changed(10), kNow, kUnix));
  CHECK(about(state.due_ms(), kNow, 3600));
  CHECK(state.entries() == 10);
  CHECK(state.version().etag == "\"1\"");
  CHECK_FALSE(state.end(of(FeedResult::unchanged), kNow + 1000, kUnix + 1000));
  CHECK(about(state.due_ms(), kNow + 1000, 3600));
  const auto status = state.status(kNow + 5000, kUnix + 5000);
  CHECK(status.fetched_unix_ms == kUnix);
  CHECK(status.checked_unix_ms == kUnix + 1000);
  CHECK(status.age_s == 4);
  CHECK(status.changed == 1);
  CHECK(status.unchanged == 1);
  CHECK_FALSE(status.fetching);
}

TEST_CASE("feed state: nodes of one cluster do not ask at the same moments") {
  FeedState one(source(), 1, kNow);
  FeedState other(source(), 2, kNow);
  one.end(changed(1), kNow, kUnix);
  other.end(changed(1), kNow, kUnix);
  CHECK(one.due_ms() != other.due_ms());
}

TEST_CASE("feed state: failures are tried again later and later, and the list stays") {
  FeedState state(source(600), 1, kNow);
  state.end(changed(10), kNow, kUnix);
  int64_t now = kNow;
  for (const int64_t seconds : {30, 60, 120, 240, 480, 600, 600}) {
    state.end(of(FeedResult::failed, "HTTP status 500"), now, kUnix);
    CHECK(about(state.due_ms(), now, seconds));
    now = state.due_ms();
  }
  for (int i = 0; i < 100; ++i) state.end(of(FeedResult::failed, "HTTP status 500"), now, kUnix);
  CHECK(about(state.due_ms(), now, 600));
  CHECK(state.status(now, kUnix).failures == 107);
  CHECK(state.entries() == 10);
  state.end(of(FeedResult::unchanged), now, kUnix);
  CHECK(state.status(now, kUnix).failures == 0);
  CHECK(state.status(now, kUnix).reason.empty());
  state.end(of(FeedResult::failed, "again"), now, kUnix);
  CHECK(about(state.due_ms(), now, 30));
}

TEST_CASE("feed state: each change is news once") {
  FeedState state(source(), 1, kNow);
  CHECK(state.end(of(FeedResult::failed, "one"), kNow, kUnix));
  CHECK_FALSE(state.end(of(FeedResult::failed, "one"), kNow, kUnix));
  CHECK(state.end(of(FeedResult::failed, "two"), kNow, kUnix));
  CHECK(state.end(changed(5), kNow, kUnix));
  CHECK_FALSE(state.end(changed(5), kNow, kUnix));
  CHECK(state.end(changed(6), kNow, kUnix));
  CHECK(state.end(of(FeedResult::failed, "two"), kNow, kUnix));
  CHECK(state.end(of(FeedResult::unchanged), kNow, kUnix));
  FeedAttempt unkept = changed(6);
  unkept.copy_error = "no space";
  CHECK(state.end(unkept, kNow, kUnix));
  CHECK_FALSE(state.end(unkept, kNow, kUnix));
  CHECK(state.status(kNow, kUnix).copy_error == "no space");
  // A copy of what has not changed may be kept at last.
  CHECK(state.end(of(FeedResult::unchanged), kNow, kUnix));
  CHECK(state.status(kNow, kUnix).copy_error.empty());
  CHECK_FALSE(state.end(of(FeedResult::unchanged), kNow, kUnix));
}

TEST_CASE("feed state: a young copy is not fetched again at once, an old one is") {
  FeedState young(source(), 1, kNow);
  young.use_copy(7, 1, {"\"1\"", ""}, kUnix - 600'000, kNow, kUnix);
  CHECK(young.due_ms() == kNow + 3'000'000);
  CHECK(young.status(kNow, kUnix).age_s == 600);
  CHECK(young.entries() == 7);
  for (const int64_t fetched : {kUnix - 3'600'000, kUnix + 1}) {
    FeedState other(source(), 1, kNow);
    other.use_copy(7, 1, {}, fetched, kNow, kUnix);
    CHECK(other.due_ms() <= kNow + node::kFeedStartSpreadMs);
  }
}

TEST_CASE("feed state: a shorter time counts at once") {
  FeedState state(source(), 1, kNow);
  state.end(changed(5), kNow, kUnix);
  state.set_source(source(60), kNow);
  CHECK(state.due_ms() == kNow + 60'000);
  CHECK(state.version().etag == "\"1\"");
  state.fetch_now(kNow + 1);
  CHECK(state.due_ms() == kNow + 1);
}

TEST_CASE("feed state: what is asked for during an attempt follows it") {
  for (const FeedAttempt& attempt : {changed(5), of(FeedResult::unchanged), of(FeedResult::failed, "x")}) {
    FeedState state(source(), 1, kNow);
    state.begin();
    state.fetch_now(kNow + 1);
    state.end(attempt, kNow + 10, kUnix);
    CHECK(state.due_ms() == kNow + 10);
    // Once.
    state.begin();
    state.end(attempt, kNow + 20, kUnix);
    CHECK(state.due_ms() > kNow + 20'000);
    // What is asked for before it begins is that attempt.
    state.fetch_now(kNow + 30);
    state.begin();
    state.end(attempt, kNow + 40, kUnix);
    CHECK(state.due_ms() > kNow + 20'000);
  }
}

TEST_CASE("feed state: another place is asked for all, and the list stays") {
  FeedState state(source(), 1, kNow);
  state.end(changed(5), kNow, kUnix);
  state.end(of(FeedResult::failed, "HTTP status 500"), kNow, kUnix);
  state.begin();
  node::FeedSource moved = source();
  moved.place += "2";
  state.set_source(moved, kNow);
  state.fetch_now(kNow);
  CHECK(state.source() == moved);
  CHECK(state.entries() == 5);
  CHECK(state.version() == node::FeedVersion());
  CHECK_FALSE(state.fetching());
  CHECK(state.due_ms() == kNow);
  const auto status = state.status(kNow, kUnix);
  CHECK(status.entries == 5);
  CHECK(status.age_s == 0);
  CHECK(status.failures == 0);
  // The same failure is news of the new place.
  state.begin();
  CHECK(state.end(of(FeedResult::failed, "HTTP status 500"), kNow, kUnix));
  CHECK(about(state.due_ms(), kNow, 30));
}

TEST_CASE("feed state: what may not replace a list") {
  CHECK_FALSE(node::shrinks_too_much(0, 1));
  CHECK_FALSE(node::shrinks_too_much(10, 5));
  CHECK(node::shrinks_too_much(10, 4) == "has 4 entries, less than half of the 10 in force");
  CHECK_FALSE(node::shrinks_too_much(10, 1'000'000));
}

TEST_CASE("feed state: nothing secret of a URL is shown") {
  CHECK(node::shown_place(source()) == "https://lists.example/a.gz");
  const auto shown = [](const char* place) {
    return node::shown_place({"a", node::FeedKind::hashes, 60, place});
  };
  CHECK(shown("http://lists.example") == "http://lists.example");
  CHECK(shown("http://lists.example?word") == "http://lists.example");
  CHECK(shown("http://a@b@lists.example/x") == "http://lists.example/x");
  CHECK(shown("http://a@b@lists.example/@x") == "http://...@x");
  CHECK(shown("https://u:p/w@h/") == "https://...@h/");
  CHECK(shown("/var/lib/list?x") == "/var/lib/list?x");
}
