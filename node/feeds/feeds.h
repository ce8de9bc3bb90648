// Feeds: keeps the lists of access.feeds fresh. One is fetched at a time, on libuv's pool; what it brought is
// joined with the others' there, and published. A list stays in force until a better one is there. Control
// thread only.

#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/access/access_control.h"
#include "node/config/options.h"
#include "node/feeds/feed_copy.h"
#include "node/feeds/feed_fetch.h"
#include "node/feeds/feed_state.h"
#include "node/net/job.h"
#include "node/net/timer.h"

namespace shoal::node {

class Feeds {
 public:
  struct Copy {
    std::optional<FeedCopy> copy;
    std::string error;  // why there is none; empty: none was kept
  };
  // What is read before the loop runs.
  struct Start {
    std::vector<Copy> copies;  // in the order of access.feeds
    FeedLists lists;           // all of them together
  };
  // Blocks for seconds where lists are large. Never fails: a copy that is no good is fetched again.
  static Start load_copies(const Options::Access& options, const FeedBounds& bounds = {});

  // Whether feeds can be fetched, and their copies be written. The errors begin with the option.
  static common::Result<void> check_library(const Options::Access& options);
  static common::Result<void> check_folder(const Options::Access& options);

  struct Hooks {
    std::function<void(FeedLists)> publish;
    std::function<int64_t()> unix_ms;  // cluster time
  };
  // `start` is what load_copies() has read for the same options.
  Feeds(uv_loop_t* loop, const Options::Access& options, Start start, uint64_t seed, Hooks hooks,
        const FeedBounds& bounds = {});
  Feeds(const Feeds&) = delete;
  Feeds& operator=(const Feeds&) = delete;

  // After a reload. All are fetched now. What keeps its name and kind keeps its list until then, also if its
  // place is another.
  void set(const Options::Access& options);

  // Fetches one now, or all; `may_shrink`: whatever is left of its list. False: there is none of that name.
  bool refresh(std::optional<std::string_view> name, bool may_shrink);

  std::vector<FeedStatus> status() const;

  // Where a feed's copy is, or will be; none: no such feed, or no copies are kept.
  struct CopyPlace {
    std::string path;
    std::string source;  // FeedCopyNote's of a copy that is this feed's
  };
  std::optional<CopyPlace> copy_place(std::string_view name) const;

  // Breaks off what runs, and begins nothing any more.
  void stop();

 private:
  struct Feed {
    Feed(FeedSource source, uint64_t seed, int64_t now_ms) : state(std::move(source), seed, now_ms) {}
    FeedState state;
    FeedContent content;
    bool may_shrink = false;  // in the next attempt
    bool copy_kept = false;   // of its list, as far as copies are kept
  };

  Feed* find(std::string_view name) const;
  Feed& add(const FeedSource& source);
  void plan();
  void run();
  void fetch(Feed& feed);
  void fetched(const FeedSource& source, FetchedFeed fetched);
  void join_soon(FeedKind kind) { (kind == FeedKind::networks ? networks_due_ : hashes_due_) = true; }
  void join();
  std::vector<FeedContent> contents() const;

  uv_loop_t* const loop_;
  const Hooks hooks_;
  const FeedBounds bounds_;
  Options::Access options_;
  common::Prng prng_;
  std::vector<std::unique_ptr<Feed>> feeds_;
  FeedLists lists_;            // as last published
  bool networks_due_ = false;  // to be joined anew
  bool hashes_due_ = false;
  Timer timer_;
  Job job_;
  bool stopped_ = false;
};

}  // namespace shoal::node
