// FeedState: one feed as a state machine: when it is fetched next, what became of the last attempts, what an
// operator sees of it. Time and results are arguments; no IO. One thread.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/prng.h"
#include "node/config/options.h"

namespace shoal::node {

// How long after the n-th failure in a row it tries again: this times 2^(n-1), at most the feed's own time.
constexpr uint32_t kFeedRetryS = 30;
// After a start, feeds are not all fetched at once.
constexpr int64_t kFeedStartSpreadMs = 2'000;
// All times differ by up to this share: nodes that start together do not ask together for ever.
constexpr double kFeedJitter = 0.1;

enum class FeedResult : uint8_t { none, changed, unchanged, failed };
std::string_view to_string(FeedResult result);

// What tells a server which version is held.
struct FeedVersion {
  std::string etag;      // empty: unknown
  std::string modified;  // Last-Modified, empty: unknown
  bool operator==(const FeedVersion&) const = default;
};

// What became of one attempt.
struct FeedAttempt {
  FeedResult result = FeedResult::none;
  std::string reason{};      // failed: why, printable
  std::string copy_error{};  // changed, unchanged: why it has no copy; empty: it has, or copies are not kept
  FeedVersion version{};     // changed, unchanged
  size_t entries = 0;        // changed
  size_t bad_lines = 0;      // changed
};

struct FeedStatus {
  std::string name;
  FeedKind kind{};
  std::string place;  // without what is secret in a URL
  uint32_t refresh_s = 0;
  uint64_t entries = 0;
  uint64_t bad_lines = 0;
  int64_t fetched_unix_ms = 0;           // when the list in force was fetched; 0: there is none
  int64_t checked_unix_ms = 0;           // when it was last known to be the newest; 0: never
  std::optional<int64_t> age_s{};        // since then, or since it was fetched; none: there is no list
  FeedResult result = FeedResult::none;  // of the last attempt
  std::string reason;                    // why it failed
  std::string copy_error;                // why the copy on disk could not be used or written; empty: it could
  uint32_t failures = 0;                 // in a row
  bool fetching = false;
  int64_t next_in_ms = 0;
  uint64_t changed = 0;  // attempts since start, by result
  uint64_t unchanged = 0;
  uint64_t failed = 0;
};

// Why a list of `entries` must not replace one of `before`; none: it may.
std::optional<std::string> shrinks_too_much(size_t before, size_t entries);

// "https://lists.example/a.gz" of "https://user:password@lists.example/a.gz?key=1": what may be shown.
std::string shown_place(const FeedSource& source);

class FeedState {
 public:
  FeedState(FeedSource source, uint64_t seed, int64_t now_ms);

  const FeedSource& source() const { return source_; }
  const FeedVersion& version() const { return version_; }
  size_t entries() const { return entries_; }
  int64_t due_ms() const { return due_ms_; }

  // The list comes from a copy on disk: it is fetched again when it is as old as the feed allows.
  void use_copy(size_t entries, size_t bad_lines, FeedVersion version, int64_t fetched_unix_ms,
                int64_t now_ms, int64_t now_unix_ms);
  void refuse_copy(std::string why) { copy_error_ = std::move(why); }

  // After a reload: another time, or another place. The list stays; of a new place all is asked for, and
  // what is under way from the old one does not count.
  void set_source(FeedSource source, int64_t now_ms);

  // What is under way may have begun too early to see what this is for: another attempt follows it.
  void fetch_now(int64_t now_ms) {
    due_ms_ = now_ms;
    again_ = fetching_;
  }

  void begin() {
    fetching_ = true;
    again_ = false;
  }
  bool fetching() const { return fetching_; }

  // True: this is news, to be logged once: it works now or no more, or fails for another reason.
  bool end(const FeedAttempt& attempt, int64_t now_ms, int64_t now_unix_ms);

  FeedStatus status(int64_t now_ms, int64_t now_unix_ms) const;

 private:
  int64_t next_after(int64_t now_ms, int64_t delay_ms);

  FeedSource source_;
  common::Prng prng_;
  FeedVersion version_;
  size_t entries_ = 0;
  size_t bad_lines_ = 0;
  int64_t fetched_unix_ms_ = 0;
  int64_t checked_unix_ms_ = 0;
  int64_t due_ms_;
  FeedResult result_ = FeedResult::none;
  std::string reason_;
  std::string copy_error_;
  uint32_t failures_ = 0;
  bool fetching_ = false;
  bool again_ = false;
  uint64_t changed_ = 0;
  uint64_t unchanged_ = 0;
  uint64_t failed_ = 0;
};

}  // namespace shoal::node
