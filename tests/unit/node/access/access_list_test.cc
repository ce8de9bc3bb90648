#include "node/access/access_list.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "common/hex.h"
#include "common/prng.h"
#include "node/access/line_file.h"
#include "tests/unit/support/heap_bytes.h"
#include "tests/unit/support/store_fixture.h"
#include "tests/unit/support/thread_sanitizer.h"

using namespace shoal;
using common::InfoHash;
using node::AccessLine;
using node::AccessList;

namespace {

const std::string kHex = "0123456789abcdef0123456789abcdef01234567";

AccessLine read(const std::string& line) {
  InfoHash hash;
  return node::read_access_line(line, hash);
}

class TempFile {
 public:
  explicit TempFile(const std::string& text) {
    std::string pattern = "/tmp/shoal-test-XXXXXX";
    const int fd = mkstemp(pattern.data());
    REQUIRE(fd >= 0);
    close(fd);
    path = pattern;
    std::ofstream(path, std::ios::binary) << text;
  }
  ~TempFile() { std::remove(path.c_str()); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  std::string path;
};

}  // namespace

TEST_CASE("access list: contains exactly what was added, at every size") {
  common::Prng prng(3);
  for (const size_t size : {0U, 1U, 2U, 15U, 16U, 17U, 1000U, 20'000U}) {
    CAPTURE(size);
    std::vector<InfoHash> hashes;
    for (size_t i = 0; i < size; ++i) hashes.push_back(test::hash_of(prng.next()));
    const AccessList list(hashes);
    CHECK(list.size() == size);
    for (const InfoHash& hash : hashes) {
      REQUIRE(list.contains(hash));
      InfoHash other = hash;
      other.bytes[prng.below(20)] ^= static_cast<uint8_t>(1 << prng.below(8));
      REQUIRE(!list.contains(other));
    }
  }
}

TEST_CASE("access list: finds hashes that differ only in their last bytes") {
  std::vector<InfoHash> hashes(5000);
  for (size_t i = 0; i < hashes.size(); ++i) {
    hashes[i].bytes[18] = static_cast<uint8_t>(i >> 8);
    hashes[i].bytes[19] = static_cast<uint8_t>(i);
  }
  std::reverse(hashes.begin(), hashes.end());
  const AccessList list(hashes);
  for (const InfoHash& hash : hashes) REQUIRE(list.contains(hash));
  InfoHash last;
  last.bytes.fill(0xff);
  CHECK(!list.contains(last));
  last.bytes = {};
  CHECK(list.contains(last));
}

TEST_CASE("access list: duplicates count once, and a hash takes at most 24 bytes") {
  std::vector<InfoHash> hashes;
  for (uint64_t i = 0; i < 100'000; ++i) hashes.push_back(test::hash_of(i % 50'000));
  const AccessList list(std::move(hashes));
  CHECK(list.size() == 50'000);
  CHECK(list.bytes() <= 24 * list.size());
}

TEST_CASE("access lines: hashes with comments, blank lines, and errors") {
  for (const std::string& line : {kHex, kHex + "\r", kHex + " a comment", kHex + "#comment", kHex + "\tx",
                                  "  " + kHex, std::string("ABCDEF6789ABCDEF0123456789ABCDEF01234567")}) {
    CAPTURE(line);
    CHECK(read(line) == AccessLine::hash);
  }
  for (const std::string line : {"", "\r", "   ", "# comment", "\t#", "#"}) {
    CAPTURE(line);
    CHECK(read(line) == AccessLine::nothing);
  }
  for (const std::string& line : {kHex + "0", kHex.substr(1), kHex + ",", kHex + "x", "x" + kHex.substr(1),
                                  std::string("; comment"), std::string(40, 'g'), std::string("-"),
                                  kHex.substr(0, 20) + " " + kHex.substr(20), std::string(1, '\0')}) {
    CAPTURE(line);
    CHECK(read(line) == AccessLine::bad);
  }
}

TEST_CASE("line splitter: the same lines however the text is split") {
  const std::string text = "one\n\ntwo\r\n" + std::string(3000, 'x') + "\nlast";
  std::vector<std::string> whole;
  node::LineSplitter at_once;
  CHECK(at_once.feed(text, [&](std::string_view line) {
    whole.emplace_back(line);
    return true;
  }));
  CHECK(whole ==
        std::vector<std::string>{"one", "", "two\r", std::string(node::LineSplitter::kLineMax + 1, 'x')});
  CHECK(at_once.rest() == "last");
  for (const size_t step : {1U, 2U, 7U, 1000U}) {
    std::vector<std::string> lines;
    node::LineSplitter in_pieces;
    for (size_t at = 0; at < text.size(); at += step) {
      in_pieces.feed(std::string_view(text).substr(at, step), [&](std::string_view line) {
        lines.emplace_back(line);
        return true;
      });
    }
    CHECK(lines == whole);
    CHECK(in_pieces.rest() == "last");
  }
}

TEST_CASE("access file: comments, CRLF, duplicates, no line feed at the end") {
  const TempFile file("# the list\r\n" + kHex + "\r\n\n" + kHex +
                      " again\nABCDEF6789ABCDEF0123456789ABCDEF01234567");
  const auto list = node::load_access_file(file.path);
  REQUIRE(list);
  CHECK(list->size() == 2);
  CHECK(list->contains(*common::info_hash_from_hex(kHex)));
  CHECK(list->contains(*common::info_hash_from_hex("abcdef6789abcdef0123456789abcdef01234567")));
  CHECK(node::load_access_file(TempFile("").path)->size() == 0);
}

TEST_CASE("access file: a UTF-8 byte order mark is skipped, UTF-16 is refused by name") {
  const auto list = node::load_access_file(TempFile("\xef\xbb\xbf" + kHex).path);
  REQUIRE(list);
  CHECK(list->size() == 1);
  const TempFile utf16(
      std::string("\xff\xfe"
                  "a\0",
                  4));
  CHECK(node::load_access_file(utf16.path).error().message == utf16.path + ": is UTF-16; save it as UTF-8");
}

TEST_CASE("access file: an error names the file, the line and the text found") {
  const TempFile file(kHex + "\n# fine\n" + kHex.substr(1) + "\n" + kHex + "\n");
  const auto list = node::load_access_file(file.path);
  REQUIRE(!list);
  CHECK(list.error().message ==
        file.path + ":3: \"" + kHex.substr(1) + "\" is not an info_hash (40 hexadecimal digits)");
  CHECK(
      node::load_access_file(TempFile(kHex + "\n\xff\x1b").path).error().message.find(":2: \"\\xff\\x1b\"") !=
      std::string::npos);
  CHECK(node::load_access_file("/nonexistent/list").error().message ==
        "/nonexistent/list: cannot be read: No such file or directory");
  CHECK(node::load_access_file("/tmp").error().message == "/tmp: is not a regular file");
}

TEST_CASE("access file: a million lines take 24 bytes each" * doctest::skip(test::kThreadSanitizer)) {
  constexpr uint64_t kLines = 1'000'000;
  std::string text;
  text.reserve(kLines * 41);
  for (uint64_t i = 0; i < kLines; ++i) text += common::to_hex(test::hash_of(i)) + "\n";
  const TempFile file(text);
  text = std::string();
  const int64_t before = test::heap_bytes();
  const auto list = node::load_access_file(file.path);
  REQUIRE(list);
  CHECK(list->size() == kLines);
  CHECK(list->bytes() <= kLines * 24);
  CHECK(test::heap_bytes() - before <= static_cast<int64_t>(kLines * 24 + 65'536));
  for (uint64_t i = 0; i < kLines; i += 9973) CHECK(list->contains(test::hash_of(i)));
  CHECK(!list->contains(test::hash_of(kLines)));
}
