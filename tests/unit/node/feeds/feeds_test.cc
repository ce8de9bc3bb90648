// Feeds that are files, fetched in a loop. What servers do is in tests/e2e/test_feeds.py.

#include "node/feeds/feeds.h"

#include <doctest/doctest.h>
#include <uv.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "node/os/monotonic.h"

using namespace shoal;
using node::FeedKind;
using node::FeedLists;
using node::FeedResult;
using node::FeedSource;
using node::FeedStatus;

namespace {

constexpr size_t kMoreThanThreads = 16;
const std::string kHashOne(40, 'a');
const std::string kHashTwo(40, 'b');

class Fetching {
 public:
  Fetching() {
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    REQUIRE(uv_loop_init(&loop_) == 0);
    options.feed_folder = folder + "/copies";
    std::filesystem::create_directory(options.feed_folder);
  }
  ~Fetching() {
    stop();
    CHECK(uv_loop_close(&loop_) == 0);
    std::filesystem::remove_all(folder);
  }
  Fetching(const Fetching&) = delete;
  Fetching& operator=(const Fetching&) = delete;

  // The place of a file with this text.
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(folder + "/" + name) << text;
    return folder + "/" + name;
  }

  void start() {
    feeds.emplace(&loop_, options, node::Feeds::load_copies(options, bounds), 1,
                  node::Feeds::Hooks{.publish = [this](FeedLists lists) { published.push_back(lists); },
                                     .unix_ms = [] { return int64_t{1'900'000'000'000}; }},
                  bounds);
  }
  void stop() {
    if (!feeds) return;
    feeds->stop();
    uv_run(&loop_, UV_RUN_DEFAULT);
    feeds.reset();
  }

  FeedStatus status(const std::string& name) const {
    for (const FeedStatus& one : feeds->status()) {
      if (one.name == name) return one;
    }
    FAIL("no feed " << name);
    return {};
  }

  uint64_t attempts(const std::string& name) const {
    const FeedStatus now = status(name);
    return now.changed + now.unchanged + now.failed;
  }

  void until(const std::function<bool()>& done) {
    const int64_t end_ms = node::monotonic_ms() + 20'000;
    while (!done() && node::monotonic_ms() < end_ms) {
      uv_run(&loop_, UV_RUN_NOWAIT);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    REQUIRE(done());
  }

  // Does it while one is being fetched: nothing ends before, as libuv's threads are busy.
  void while_fetching(const std::string& name, const std::function<void()>& what) {
    std::promise<void> over;
    const std::shared_future<void> wait = over.get_future().share();
    std::vector<node::Job> busy(kMoreThanThreads);
    for (node::Job& job : busy) {
      job.start(
          &loop_,
          [wait](const std::stop_token& /*stop*/) {
            wait.wait();
            return true;
          },
          [](bool) {});
    }
    REQUIRE(feeds->refresh(name, false));
    until([&] { return status(name).fetching; });
    what();
    over.set_value();
    until([&] { return std::none_of(busy.begin(), busy.end(), std::mem_fn(&node::Job::is_running)); });
  }

  // Has one fetched, and what it brought published.
  FeedStatus fetch(const std::string& name, bool may_shrink = false) {
    const uint64_t before = attempts(name);
    const size_t published_before = published.size();
    REQUIRE(feeds->refresh(name, may_shrink));
    until([&] { return attempts(name) > before; });
    if (status(name).result == FeedResult::changed)
      until([&] { return published.size() > published_before; });
    return status(name);
  }

  bool denied(const char* address) const {
    return !published.empty() && published.back().networks &&
           published.back().networks->contains(*common::parse_address(address));
  }

  std::string folder = "/tmp/shoal-feeds-XXXXXX";
  node::Options::Access options{};
  node::FeedBounds bounds{};
  std::vector<FeedLists> published;
  std::optional<node::Feeds> feeds;

 private:
  uv_loop_t loop_;
};

}  // namespace

TEST_CASE("feeds: a new place keeps the list until it has answered") {
  Fetching node;
  node.options.feeds = {{"a", FeedKind::networks, 3600, node.file("a", "192.0.2.0/24\n198.51.100.7\n")},
                        {"b", FeedKind::networks, 3600, node.file("b", "203.0.113.9\n")}};
  node.start();
  CHECK(node.fetch("a").entries == 2);
  CHECK(node.fetch("b").entries == 1);
  const size_t published = node.published.size();
  node.options.feeds[0].place = node.folder + "/none";
  node.feeds->set(node.options);
  node.until([&] { return node.status("a").failed == 1 && node.attempts("b") == 2; });
  CHECK(node.status("a").entries == 2);
  CHECK(node.published.size() == published);
  // It is compared with the list in force, and its copy is its own.
  node.file("none", "# one\n");
  CHECK(node.fetch("a").reason == "is empty");
  node.file("none", "192.0.2.0/24\n198.51.100.7\n");
  const FeedStatus same = node.fetch("a");
  CHECK(same.result == FeedResult::unchanged);
  CHECK(node.published.size() == published);
  bool missing = true;
  CHECK(node::load_feed_copy(node.options.feed_folder, node.options.feeds[0], missing));
  // Of another kind it is another feed.
  node.options.feeds[0].kind = FeedKind::hashes;
  node.feeds->set(node.options);
  node.until([&] { return node.published.size() > published; });
  CHECK_FALSE(node.denied("192.0.2.1"));
  CHECK(node.denied("203.0.113.9"));
}

TEST_CASE("feeds: what came from the old place does not count") {
  Fetching node;
  node.options.feeds = {{"a", FeedKind::networks, 3600, node.file("a", "192.0.2.0/24\n")}};
  const std::string other = node.file("other", "203.0.113.9\n203.0.113.10\n");
  node.start();
  CHECK(node.fetch("a").entries == 1);
  const auto at_other = [&] {
    auto options = node.options;
    options.feeds[0].place = other;
    return options;
  }();
  for (const bool and_back : {true, false}) {
    const uint64_t attempts = node.attempts("a");
    node.while_fetching("a", [&] {
      node.feeds->set(at_other);
      if (and_back) node.feeds->set(node.options);
      CHECK_FALSE(node.status("a").fetching);
    });
    node.until([&] { return node.attempts("a") > attempts && !node.status("a").fetching; });
    CHECK(node.attempts("a") == attempts + 1);
    CHECK(node.status("a").entries == (and_back ? 1 : 2));
  }
}

TEST_CASE("feeds: a feed that changes leaves the lists of the other kind as they are") {
  Fetching node;
  node.options.feeds = {{"a", FeedKind::networks, 3600, node.file("a", "192.0.2.0/24\n")},
                        {"b", FeedKind::networks, 3600, node.file("b", "203.0.113.9\n")},
                        {"c", FeedKind::hashes, 3600, node.file("c", kHashOne)},
                        {"d", FeedKind::hashes, 3600, node.file("d", kHashTwo)}};
  node.start();
  for (const char* name : {"a", "b", "c", "d"}) CHECK(node.fetch(name).entries == 1);
  const FeedLists before = node.published.back();
  CHECK(before.hashes->size() == 2);
  node.file("a", "192.0.2.0/24\n198.51.100.7\n");
  CHECK(node.fetch("a").entries == 2);
  CHECK(node.denied("198.51.100.7"));
  CHECK(node.published.back().hashes == before.hashes);
  const FeedLists between = node.published.back();
  node.file("c", kHashOne + "\n" + std::string(40, 'c'));
  CHECK(node.fetch("c").entries == 2);
  CHECK(node.published.back().hashes->size() == 3);
  CHECK(node.published.back().networks == between.networks);
  // The same for one that goes, and after a start.
  node.stop();
  node.start();
  const size_t published = node.published.size();
  node.options.feeds.pop_back();
  node.feeds->set(node.options);
  node.until([&] { return node.published.size() > published; });
  CHECK(node.published.back().hashes->size() == 2);
  CHECK(node.denied("198.51.100.7"));
  CHECK(node.denied("203.0.113.9"));
}

TEST_CASE("feeds: equal bytes change nothing, whatever the server calls them") {
  Fetching node;
  node.options.feeds = {{"a", FeedKind::networks, 3600, node.file("a", "192.0.2.0/24\n")}};
  node.start();
  CHECK(node.fetch("a").result == FeedResult::changed);
  const size_t published = node.published.size();
  std::filesystem::remove(node.folder + "/a");
  node.file("a", "192.0.2.0/24\n");
  CHECK(node.fetch("a").result == FeedResult::unchanged);
  node.stop();
  // Nor after a start.
  node.start();
  std::filesystem::last_write_time(node.folder + "/a", std::filesystem::file_time_type::clock::now());
  CHECK(node.fetch("a").result == FeedResult::unchanged);
  CHECK(node.published.size() == published);
}

TEST_CASE("feeds: a copy that could not be written is written later") {
  Fetching node;
  node.options.feeds = {{"a", FeedKind::networks, 3600, node.file("a", "192.0.2.0/24\n")}};
  std::filesystem::remove(node.options.feed_folder);
  node.start();
  CHECK(node.fetch("a").result == FeedResult::changed);
  CHECK_FALSE(node.status("a").copy_error.empty());
  CHECK(node.fetch("a").result == FeedResult::unchanged);
  CHECK_FALSE(node.status("a").copy_error.empty());
  std::filesystem::create_directory(node.options.feed_folder);
  CHECK(node.fetch("a").result == FeedResult::unchanged);
  CHECK(node.status("a").copy_error.empty());
  bool missing = true;
  const auto copy = node::load_feed_copy(node.options.feed_folder, node.options.feeds[0], missing);
  REQUIRE(copy);
  CHECK(copy->content.entries == 1);
}

TEST_CASE("feeds: what is asked for during a fetch follows it, with all that may be left of a list") {
  Fetching node;
  node.options.feeds = {{"a", FeedKind::networks, 3600, node.file("a", "192.0.2.1\n192.0.2.2\n192.0.2.3\n")}};
  node.start();
  CHECK(node.fetch("a").entries == 3);
  node.file("a", "192.0.2.1\n");
  const uint64_t attempts = node.attempts("a");
  node.while_fetching("a", [&] { REQUIRE(node.feeds->refresh("a", true)); });
  node.until([&] { return node.attempts("a") == attempts + 2; });
  CHECK(node.status("a").failed == 1);
  CHECK(node.status("a").entries == 1);
  // That was for one attempt.
  node.file("a", "192.0.2.1\n192.0.2.2\n192.0.2.3\n");
  CHECK(node.fetch("a").entries == 3);
  node.file("a", "192.0.2.1\n");
  CHECK(node.fetch("a").result == FeedResult::failed);
}

TEST_CASE("feeds: those of a kind share the entries there may be") {
  Fetching node;
  node.bounds.entries_max = 4;
  node.options.feeds = {{"a", FeedKind::networks, 3600, node.file("a", "192.0.2.1\n192.0.2.2\n192.0.2.3\n")},
                        {"b", FeedKind::networks, 3600, node.file("b", "203.0.113.1\n203.0.113.2\n")},
                        {"c", FeedKind::hashes, 3600, node.file("c", kHashOne + "\n" + kHashTwo)}};
  const std::string refused = "has more than 4 entries, the other feeds of its kind included";
  node.start();
  CHECK(node.fetch("a").entries == 3);
  CHECK(node.fetch("c").entries == 2);
  CHECK(node.fetch("b").reason == refused);
  // Its own list makes room for the new one.
  node.file("a", "192.0.2.1\n192.0.2.2\n192.0.2.3\n192.0.2.4\n");
  CHECK(node.fetch("a").entries == 4);
  node.file("a", "192.0.2.1\n192.0.2.2\n");
  CHECK(node.fetch("a").entries == 2);
  CHECK(node.fetch("b").entries == 2);
  // The same for the copies, in the order of the options.
  node.stop();
  node.bounds.entries_max = 3;
  node.start();
  CHECK(node.status("a").entries == 2);
  CHECK(node.status("c").entries == 2);
  CHECK(node.status("b").entries == 0);
  CHECK(
      node.status("b").copy_error.ends_with("has more than 3 entries, the other feeds of its kind included"));
}

TEST_CASE("feeds: a copy is given to others as long as it is this feed's") {
  Fetching node;
  node.options.feeds = {{"a", FeedKind::networks, 3600, node.file("a", "192.0.2.1\n")}};
  node.start();
  CHECK(node.fetch("a").entries == 1);
  CHECK_FALSE(node.feeds->copy_place("b"));
  const auto note_source = [&] {
    return node::FeedCopyBytes::open(node.feeds->copy_place("a")->path)->note().source;
  };
  CHECK(node.feeds->copy_place("a")->source == note_source());
  node.options.feeds[0].kind = FeedKind::hashes;
  node.feeds->set(node.options);
  CHECK(node.feeds->copy_place("a")->source != note_source());
}
