#include "node/feeds/feeds.h"

#include <algorithm>
#include <utility>

#include "common/log.h"
#include "node/config/option_values.h"
#include "node/feeds/curl_library.h"
#include "node/os/atomic_file.h"
#include "node/os/monotonic.h"

namespace shoal::node {

using common::log_line;
using common::LogLevel;

namespace {

// One list of all. Where there is only one it is shared, not copied.
std::shared_ptr<const common::NetworkSet> joined_networks(const std::vector<FeedContent>& contents) {
  std::vector<std::shared_ptr<const common::NetworkSet>> sets;
  for (const FeedContent& content : contents) {
    if (content.networks) sets.push_back(content.networks);
  }
  if (sets.empty()) return nullptr;
  if (sets.size() == 1) return sets.front();
  common::NetworkSet::Builder builder;
  for (const auto& set : sets) builder.add(*set);
  return std::make_shared<const common::NetworkSet>(std::move(builder));
}

size_t entries_of(const std::vector<FeedContent>& contents, FeedKind kind) {
  size_t entries = 0;
  for (const FeedContent& content : contents) {
    const bool same_kind =
        kind == FeedKind::networks ? content.networks != nullptr : content.hashes != nullptr;
    if (same_kind) entries += content.entries;
  }
  return entries;
}

std::shared_ptr<const AccessList> joined_hashes(const std::vector<FeedContent>& contents) {
  std::vector<std::shared_ptr<const AccessList>> lists;
  for (const FeedContent& content : contents) {
    if (content.hashes) lists.push_back(content.hashes);
  }
  if (lists.empty()) return nullptr;
  if (lists.size() == 1) return lists.front();
  std::vector<common::InfoHash> all;
  for (const auto& list : lists) all.insert(all.end(), list->hashes().begin(), list->hashes().end());
  return std::make_shared<const AccessList>(std::move(all));
}

}  // namespace

Feeds::Start Feeds::load_copies(const Options::Access& options, const FeedBounds& bounds) {
  Start start;
  std::vector<FeedContent> contents;
  for (const FeedSource& source : options.feeds) {
    Copy found;
    if (!options.feed_folder.empty()) {
      bool missing = false;
      FeedBounds left = bounds;
      left.entries_of_others = entries_of(contents, source.kind);
      auto copy = load_feed_copy(options.feed_folder, source, missing, left);
      if (copy) {
        contents.push_back(copy->content);
        found.copy = std::move(*copy);
      } else if (!missing) {
        found.error = copy.error().message;
      }
    }
    start.copies.push_back(std::move(found));
  }
  start.lists = {joined_networks(contents), joined_hashes(contents)};
  return start;
}

common::Result<void> Feeds::check_library(const Options::Access& options) {
  const bool remote = std::any_of(options.feeds.begin(), options.feeds.end(),
                                  [](const FeedSource& feed) { return !feed.is_file(); });
  if (!remote) return {};
  if (auto loaded = load_curl(); !loaded) return common::fail("access.feeds: " + loaded.error().message);
  return {};
}

common::Result<void> Feeds::check_folder(const Options::Access& options) {
  if (options.feed_folder.empty()) return {};
  return check_replaceable("access.feed_folder", options.feed_folder + "/NAME.feed");
}

Feeds::Feeds(uv_loop_t* loop, const Options::Access& options, Start start, uint64_t seed, Hooks hooks,
             const FeedBounds& bounds)
    : loop_(loop),
      hooks_(std::move(hooks)),
      bounds_(bounds),
      options_(options),
      prng_(seed),
      lists_(std::move(start.lists)),
      timer_(loop, [this] { run(); }) {
  const int64_t now_ms = monotonic_ms();
  for (size_t i = 0; i < options.feeds.size(); ++i) {
    Feed& feed = add(options.feeds[i]);
    Copy& found = start.copies[i];
    if (found.copy) {
      feed.content = std::move(found.copy->content);
      feed.copy_kept = true;
      feed.state.use_copy(feed.content.entries, feed.content.bad_lines, found.copy->version,
                          found.copy->fetched_unix_ms, now_ms, hooks_.unix_ms());
      log_line(LogLevel::info, "feed: its copy on disk is in force until it is fetched",
               {{"feed", feed.state.source().name}, {"entries", std::to_string(feed.content.entries)}});
    } else if (!found.error.empty()) {
      feed.state.refuse_copy(found.error);
      log_line(LogLevel::warn, "feed: its copy on disk is not used",
               {{"feed", feed.state.source().name}, {"reason", found.error}});
    }
  }
  plan();
}

Feeds::Feed& Feeds::add(const FeedSource& source) {
  return *feeds_.emplace_back(std::make_unique<Feed>(source, prng_.next(), monotonic_ms()));
}

Feeds::Feed* Feeds::find(std::string_view name) const {
  const auto found = std::find_if(feeds_.begin(), feeds_.end(),
                                  [&](const auto& feed) { return feed->state.source().name == name; });
  return found == feeds_.end() ? nullptr : found->get();
}

void Feeds::set(const Options::Access& options) {
  options_.feeds = options.feeds;
  options_.feed_ca_file = options.feed_ca_file;
  const int64_t now_ms = monotonic_ms();
  std::vector<std::unique_ptr<Feed>> before = std::move(feeds_);
  feeds_.clear();
  for (const FeedSource& source : options.feeds) {
    const auto same = [&](const auto& feed) {
      return feed && feed->state.source().name == source.name && feed->state.source().kind == source.kind;
    };
    const auto stays = std::find_if(before.begin(), before.end(), same);
    if (stays == before.end()) {
      add(source);
      continue;
    }
    Feed& feed = *feeds_.emplace_back(std::move(*stays));
    if (feed.state.source().place != source.place) {
      feed.may_shrink = false;
      feed.copy_kept = false;
    }
    feed.state.set_source(source, now_ms);
    feed.state.fetch_now(now_ms);
  }
  for (const auto& gone : before) {
    if (gone && gone->content.entries > 0) join_soon(gone->state.source().kind);
  }
  plan();
}

bool Feeds::refresh(std::optional<std::string_view> name, bool may_shrink) {
  if (name && find(*name) == nullptr) return false;
  for (const auto& feed : feeds_) {
    if (name && feed->state.source().name != *name) continue;
    feed->state.fetch_now(monotonic_ms());
    feed->may_shrink |= may_shrink;
  }
  plan();
  return true;
}

std::vector<FeedStatus> Feeds::status() const {
  std::vector<FeedStatus> all;
  all.reserve(feeds_.size());
  for (const auto& feed : feeds_) all.push_back(feed->state.status(monotonic_ms(), hooks_.unix_ms()));
  return all;
}

std::optional<Feeds::CopyPlace> Feeds::copy_place(std::string_view name) const {
  const Feed* feed = find(name);
  if (feed == nullptr || options_.feed_folder.empty()) return std::nullopt;
  const FeedSource& source = feed->state.source();
  return CopyPlace{feed_copy_path(options_.feed_folder, source.name), feed_source_hash(source)};
}

// One thing at a time: what runs plans the next when it ends.
void Feeds::plan() {
  if (stopped_ || job_.is_running()) return;
  if (networks_due_ || hashes_due_) return timer_.start(0);
  if (feeds_.empty()) return timer_.stop();
  int64_t due_ms = INT64_MAX;
  for (const auto& feed : feeds_) due_ms = std::min(due_ms, feed->state.due_ms());
  timer_.start(static_cast<uint64_t>(std::max<int64_t>(0, due_ms - monotonic_ms())));
}

void Feeds::run() {
  if (stopped_ || job_.is_running()) return;
  if (networks_due_ || hashes_due_) return join();
  const auto first = std::min_element(feeds_.begin(), feeds_.end(), [](const auto& a, const auto& b) {
    return a->state.due_ms() < b->state.due_ms();
  });
  if (first == feeds_.end()) return;
  if ((*first)->state.due_ms() > monotonic_ms()) return plan();
  fetch(**first);
}

void Feeds::fetch(Feed& feed) {
  feed.state.begin();
  FeedBounds bounds = bounds_;
  bounds.entries_of_others = entries_of(contents(), feed.state.source().kind) - feed.content.entries;
  FeedRequest request{.source = feed.state.source(),
                      // "Unchanged" would bring no bytes to make a copy of.
                      .held = feed.copy_kept ? feed.state.version() : FeedVersion(),
                      .hash = feed.content.hash,
                      .ca_file = options_.feed_ca_file,
                      .folder = options_.feed_folder,
                      .copy_kept = feed.copy_kept,
                      .entries = feed.content.entries,
                      .may_shrink = std::exchange(feed.may_shrink, false),
                      .unix_ms = hooks_.unix_ms(),
                      .limits = {},
                      .bounds = bounds};
  FeedSource source = request.source;
  job_.start(
      loop_,
      [request = std::move(request)](const std::stop_token& stop) { return fetch_feed(request, stop); },
      [this, source = std::move(source)](FetchedFeed result) { fetched(source, std::move(result)); });
}

void Feeds::fetched(const FeedSource& source, FetchedFeed result) {
  Feed* feed = find(source.name);
  // A reload may have put another in its place meanwhile, or given it another place, and back.
  if (feed == nullptr || !feed->state.fetching() || feed->state.source().place != source.place ||
      feed->state.source().kind != source.kind) {
    return plan();
  }
  const bool changed = result.attempt.result == FeedResult::changed;
  const bool news = feed->state.end(result.attempt, monotonic_ms(), hooks_.unix_ms());
  if (result.attempt.result != FeedResult::failed) feed->copy_kept = result.attempt.copy_error.empty();
  if (changed) {
    feed->content = std::move(result.content);
    join_soon(source.kind);
  }
  if (news && result.attempt.result == FeedResult::failed) {
    log_line(LogLevel::warn, "feed: not fetched; the list in force stays",
             {{"feed", source.name},
              {"place", shown_place(source)},
              {"reason", result.attempt.reason},
              {"entries", std::to_string(feed->content.entries)}});
  } else if (news) {
    log_line(LogLevel::info, "feed: fetched",
             {{"feed", source.name},
              {"entries", std::to_string(feed->content.entries)},
              {"bad_lines", std::to_string(feed->content.bad_lines)}});
    if (!result.attempt.copy_error.empty()) {
      log_line(LogLevel::error, "feed: its copy cannot be kept",
               {{"feed", source.name}, {"reason", result.attempt.copy_error}});
    }
  }
  plan();
}

std::vector<FeedContent> Feeds::contents() const {
  std::vector<FeedContent> all;
  all.reserve(feeds_.size());
  for (const auto& feed : feeds_) all.push_back(feed->content);
  return all;
}

// A kind of which no feed has changed keeps its list: a new one would have the whole store swept.
void Feeds::join() {
  const bool networks = std::exchange(networks_due_, false);
  const bool hashes = std::exchange(hashes_due_, false);
  job_.start(
      loop_,
      [all = contents(), lists = lists_, networks, hashes](const std::stop_token& stop) mutable {
        if (networks && !stop.stop_requested()) lists.networks = joined_networks(all);
        if (hashes && !stop.stop_requested()) lists.hashes = joined_hashes(all);
        return std::move(lists);
      },
      [this](FeedLists lists) {
        lists_ = std::move(lists);
        hooks_.publish(lists_);
        plan();
      });
}

void Feeds::stop() {
  stopped_ = true;
  job_.cancel();
  timer_.close();
}

}  // namespace shoal::node
