#include "node/feeds/feed_state.h"

#include <algorithm>
#include <utility>

#include "node/text/printable.h"
#include "node/text/url_secrets.h"

namespace shoal::node {

namespace {

constexpr uint32_t kRetryDoublingsMax = 20;

int64_t ms_of(uint32_t seconds) { return int64_t{seconds} * 1000; }

}  // namespace

std::string_view to_string(FeedResult result) {
  switch (result) {
    case FeedResult::none:
      return "none";
    case FeedResult::changed:
      return "changed";
    case FeedResult::unchanged:
      return "unchanged";
    case FeedResult::failed:
      return "failed";
  }
  return "";
}

std::optional<std::string> shrinks_too_much(size_t before, size_t entries) {
  if (2 * entries >= before) return std::nullopt;
  return "has " + std::to_string(entries) + " entries, less than half of the " + std::to_string(before) +
         " in force";
}

std::string shown_place(const FeedSource& source) {
  return printable(source.is_file() ? source.place : without_url_secrets(source.place));
}

FeedState::FeedState(FeedSource source, uint64_t seed, int64_t now_ms)
    : source_(std::move(source)),
      prng_(seed),
      due_ms_(now_ms + static_cast<int64_t>(prng_.unit() * kFeedStartSpreadMs)) {}

void FeedState::use_copy(size_t entries, size_t bad_lines, FeedVersion version, int64_t fetched_unix_ms,
                         int64_t now_ms, int64_t now_unix_ms) {
  entries_ = entries;
  bad_lines_ = bad_lines;
  version_ = std::move(version);
  fetched_unix_ms_ = fetched_unix_ms;
  // A copy from the future: the clock was wrong then, or is now.
  const int64_t age_ms = now_unix_ms - fetched_unix_ms;
  const int64_t refresh_ms = ms_of(source_.refresh_s);
  if (age_ms >= 0 && age_ms < refresh_ms) due_ms_ = std::max(due_ms_, now_ms + refresh_ms - age_ms);
}

void FeedState::set_source(FeedSource source, int64_t now_ms) {
  if (source.place != source_.place) {
    version_ = {};
    fetching_ = false;
    result_ = FeedResult::none;
    reason_.clear();
    failures_ = 0;
  }
  source_ = std::move(source);
  due_ms_ = std::min(due_ms_, now_ms + ms_of(source_.refresh_s));
}

int64_t FeedState::next_after(int64_t now_ms, int64_t delay_ms) {
  if (std::exchange(again_, false)) return now_ms;
  const double factor = 1 - kFeedJitter + 2 * kFeedJitter * prng_.unit();
  return now_ms + static_cast<int64_t>(static_cast<double>(delay_ms) * factor);
}

bool FeedState::end(const FeedAttempt& attempt, int64_t now_ms, int64_t now_unix_ms) {
  fetching_ = false;
  const bool failed_before = result_ == FeedResult::failed;
  const bool first = result_ == FeedResult::none;
  result_ = attempt.result;
  if (attempt.result == FeedResult::failed) {
    ++failed_;
    const bool news = !failed_before || reason_ != attempt.reason;
    reason_ = attempt.reason;
    const int64_t delay_ms = ms_of(kFeedRetryS) << std::min(failures_, kRetryDoublingsMax);
    ++failures_;
    due_ms_ = next_after(now_ms, std::min(delay_ms, ms_of(source_.refresh_s)));
    return news;
  }
  failures_ = 0;
  reason_.clear();
  version_ = attempt.version;
  checked_unix_ms_ = now_unix_ms;
  due_ms_ = next_after(now_ms, ms_of(source_.refresh_s));
  const bool copy_news = std::exchange(copy_error_, attempt.copy_error) != attempt.copy_error;
  if (attempt.result == FeedResult::unchanged) {
    ++unchanged_;
    return failed_before || copy_news;
  }
  ++changed_;
  const bool news = first || failed_before || copy_news || entries_ != attempt.entries;
  entries_ = attempt.entries;
  bad_lines_ = attempt.bad_lines;
  fetched_unix_ms_ = now_unix_ms;
  return news;
}

FeedStatus FeedState::status(int64_t now_ms, int64_t now_unix_ms) const {
  std::optional<int64_t> age_s;
  if (entries_ > 0)
    age_s = std::max<int64_t>(0, now_unix_ms - std::max(fetched_unix_ms_, checked_unix_ms_)) / 1000;
  return {.name = source_.name,
          .kind = source_.kind,
          .place = shown_place(source_),
          .refresh_s = source_.refresh_s,
          .entries = entries_,
          .bad_lines = bad_lines_,
          .fetched_unix_ms = fetched_unix_ms_,
          .checked_unix_ms = checked_unix_ms_,
          .age_s = age_s,
          .result = result_,
          .reason = reason_,
          .copy_error = copy_error_,
          .failures = failures_,
          .fetching = fetching_,
          .next_in_ms = std::max<int64_t>(0, due_ms_ - now_ms),
          .changed = changed_,
          .unchanged = unchanged_,
          .failed = failed_};
}

}  // namespace shoal::node
