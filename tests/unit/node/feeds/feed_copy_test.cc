#include "node/feeds/feed_copy.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

using namespace shoal;
using node::FeedCopyWriter;
using node::FeedSource;

namespace {

const FeedSource kSource{"list", node::FeedKind::networks, 3600, "https://lists.example/?key=word"};
const std::string kTwo = "192.0.2.0/24\n198.51.100.7";
const std::string kText = "192.0.2.0/24\nshoal-feed-1 is what its last line begins with\n198.51.100.7";

struct Folder {
  Folder() { REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~Folder() {
    std::remove(file().c_str());
    rmdir(path.c_str());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file() const { return node::feed_copy_path(path, kSource.name); }
  std::string path = "/tmp/shoal-feed-copy-XXXXXX";
};

void write_copy(const Folder& folder, const std::string& text) {
  auto writer = FeedCopyWriter::create(folder.path, kSource);
  REQUIRE(writer);
  for (size_t at = 0; at < text.size(); at += 10) REQUIRE(writer->add(std::string_view(text).substr(at, 10)));
  node::FeedReader reader(kSource.kind);
  reader.add(text);
  REQUIRE(writer->commit({"\"a b\"", "Mon, 30 Nov 2026"}, reader.hash(), 1'900'000'000'123));
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void replace(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

// Whether a byte is in a field that nothing is compared with: FETCHED_UNIX_MS, ETAG or MODIFIED.
bool may_differ(const std::string& whole, size_t at) {
  const size_t note = whole.rfind("shoal-feed-1");
  if (at < note || whole[at] == ' ' || whole[at] == '\n') return false;
  const auto field = std::count(whole.begin() + static_cast<ptrdiff_t>(note),
                                whole.begin() + static_cast<ptrdiff_t>(at), ' ');
  return field == 2 || field == 5 || field == 6;
}

std::string refusal(const Folder& folder, const FeedSource& source = kSource) {
  bool missing = false;
  const auto copy = node::load_feed_copy(folder.path, source, missing);
  CHECK_FALSE(missing);
  return copy ? "" : copy.error().message;
}

}  // namespace

TEST_CASE("feed copy: reads back as it was written") {
  const Folder folder;
  write_copy(folder, kTwo);
  bool missing = true;
  const auto copy = node::load_feed_copy(folder.path, kSource, missing);
  REQUIRE(copy);
  CHECK_FALSE(missing);
  CHECK(copy->content.entries == 2);
  CHECK(copy->version.etag == "\"a b\"");
  CHECK(copy->version.modified == "Mon, 30 Nov 2026");
  CHECK(copy->fetched_unix_ms == 1'900'000'000'123);
  CHECK(copy->content.hash == node::FeedCopyBytes::open(folder.file())->note().hash);
  struct stat info {};
  REQUIRE(stat(folder.file().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK(content_of(folder.file()).find("word") == std::string::npos);
}

TEST_CASE("feed copy: its bytes are given to others, whatever they are") {
  const Folder folder;
  // Of a list, one bad line of three would be too many.
  write_copy(folder, kText);
  auto bytes = node::FeedCopyBytes::open(folder.file());
  REQUIRE(bytes);
  std::string whole;
  while (!bytes->at_end()) REQUIRE(bytes->next(whole));
  CHECK(whole == kText);
}

TEST_CASE("feed copy: none is missing, not an error to tell") {
  const Folder folder;
  bool missing = false;
  CHECK_FALSE(node::load_feed_copy(folder.path, kSource, missing));
  CHECK(missing);
}

TEST_CASE("feed copy: a damaged or a foreign one is refused") {
  const Folder folder;
  write_copy(folder, kTwo);
  const std::string whole = content_of(folder.file());
  for (size_t size = 0; size < whole.size(); ++size) {
    replace(folder.file(), whole.substr(0, size));
    CHECK_FALSE(refusal(folder).empty());
  }
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    replace(folder.file(), damaged);
    bool missing = false;
    const auto copy = node::load_feed_copy(folder.path, kSource, missing);
    CAPTURE(at);
    // Of a changed time or version nobody can tell; the list is the same.
    if (!may_differ(whole, at)) CHECK_FALSE(copy);
    if (copy) CHECK(copy->content.entries == 2);
  }
  replace(folder.file(), whole);
  CHECK(refusal(folder).empty());
  FeedSource other = kSource;
  other.place += "2";
  CHECK(refusal(folder, other) == folder.file() + ": is of another feed of that name");
  other = kSource;
  other.kind = node::FeedKind::hashes;
  CHECK(refusal(folder, other) == folder.file() + ": is of another feed of that name");
}

TEST_CASE("feed copy: an unfinished one leaves the old") {
  const Folder folder;
  write_copy(folder, "192.0.2.0/24\n198.51.100.7");
  const std::string before = content_of(folder.file());
  {
    auto writer = FeedCopyWriter::create(folder.path, kSource);
    REQUIRE(writer);
    REQUIRE(writer->add("198.51.100.0/24\n"));
  }
  CHECK(content_of(folder.file()) == before);
}
