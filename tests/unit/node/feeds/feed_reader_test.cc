#include "node/feeds/feed_reader.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <string>

using namespace shoal;
using node::FeedBounds;
using node::FeedKind;
using node::FeedReader;

namespace {

std::string gzip(const std::string& text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

common::Result<node::FeedContent> read(const std::string& bytes, FeedKind kind = FeedKind::networks,
                                       const FeedBounds& bounds = {}, size_t step = 1'000'000) {
  FeedReader reader(kind, bounds);
  for (size_t at = 0; at < bytes.size(); at += step) {
    if (!reader.add(std::string_view(bytes).substr(at, step))) break;
  }
  return reader.finish();
}

std::string refusal(const std::string& bytes, const FeedBounds& bounds = {}) {
  const auto content = read(bytes, FeedKind::networks, bounds);
  return content ? "" : content.error().message;
}

common::Endpoint address(const char* text) { return *common::parse_address(text); }

}  // namespace

TEST_CASE("feed reader: text and gzip, however they are split") {
  const std::string text =
      "\xef\xbb\xbf# a list\r\n192.0.2.0/24\r\nname:198.51.100.0-198.51.100.9\n\n2001:db8::/32";
  for (const std::string& bytes : {text, gzip(text), gzip(text.substr(0, 20)) + gzip(text.substr(20))}) {
    for (const size_t step : {1, 2, 3, 7, 100'000}) {
      const auto content = read(bytes, FeedKind::networks, {}, step);
      REQUIRE(content);
      CHECK(content->entries == 3);
      CHECK(content->bad_lines == 0);
      CHECK(content->hashes == nullptr);
      CHECK(content->networks->contains(address("192.0.2.77")));
      CHECK(content->networks->contains(address("198.51.100.9")));
      CHECK(content->networks->contains(address("2001:db8::1")));
      CHECK_FALSE(content->networks->contains(address("192.0.3.0")));
    }
  }
}

TEST_CASE("feed reader: equal bytes have the same hash, however they are split") {
  const std::string text = "192.0.2.0/24\n192.0.3.0/24\n";
  const std::string hash = read(text)->hash;
  CHECK(hash.size() == 2 * node::kFeedHashBytes);
  CHECK(read(text, FeedKind::networks, {}, 1)->hash == hash);
  CHECK(read(text + "\n")->hash != hash);
  CHECK(read(gzip(text))->hash != hash);
}

TEST_CASE("feed reader: hashes") {
  const std::string hash(40, 'a');
  const auto content = read(hash + " a name\n" + std::string(40, 'B') + "\n" + hash, FeedKind::hashes);
  REQUIRE(content);
  CHECK(content->entries == 3);
  CHECK(content->hashes->size() == 2);
  CHECK(content->networks == nullptr);
}

TEST_CASE("feed reader: what is no list is refused") {
  CHECK(refusal("") == "is empty");
  CHECK(refusal("\n\n# nothing") == "is empty");
  CHECK(refusal("x") == "1 of 1 lines are no networks, first line 1: \"x\"");
  CHECK(refusal("\n  <html>\n192.0.2.1\n") == "is a web page or XML, not a list");
  CHECK(refusal("<?xml version") == "is a web page or XML, not a list");
  CHECK(refusal("PK\x03\x04list") == "is a zip archive, not text or gzip");
  const std::string packed = gzip("192.0.2.0/24\n192.0.3.0/24\n");
  for (size_t size = 4; size < packed.size(); ++size)
    CHECK(refusal(packed.substr(0, size)) == "is gzip that is cut");
  CHECK(refusal(packed + "rest") == "is damaged gzip");
  std::string damaged = packed;
  damaged[damaged.size() - 6] ^= 1;  // the checksum
  CHECK(refusal(damaged) == "is damaged gzip");
}

TEST_CASE("feed reader: one bad line in a hundred is skipped, more are not") {
  std::string text;
  for (int i = 0; i < 99; ++i) text += "10.0.0." + std::to_string(i) + "\n";
  const auto content = read(text + "what?\n");
  REQUIRE(content);
  CHECK(content->entries == 99);
  CHECK(content->bad_lines == 1);
  CHECK(refusal(text + "\nwhat?\n<b>\n") == "2 of 101 lines are no networks, first line 101: \"what?\"");
}

TEST_CASE("feed reader: every bound") {
  const std::string text = "192.0.2.1\n192.0.2.2\n192.0.2.3\n";
  CHECK(refusal(text, {.lines_max = 3}).empty());
  CHECK(refusal(text, {.lines_max = 2}) == "has more than 2 lines");
  CHECK(refusal("#\n#\n#\n", {.lines_max = 2}) == "has more than 2 lines");
  CHECK(refusal(text, {.entries_max = 3}).empty());
  CHECK(refusal(text, {.entries_max = 2}) == "has more than 2 entries");
  CHECK(refusal(text, {.received_max = text.size()}).empty());
  CHECK(refusal(text, {.received_max = text.size() - 1}) == "is larger than 0 MiB");
  CHECK(refusal(gzip(text), {.text_max = text.size()}).empty());
  CHECK(refusal(gzip(text), {.text_max = text.size() - 1}) == "unpacks to more than 0 MiB");
  // A line without an end takes no memory.
  CHECK(refusal(gzip(std::string(10 << 20, 'x')), {.text_max = 1 << 20}) == "unpacks to more than 1 MiB");
}

TEST_CASE("feed reader: the entries of other feeds count too") {
  const std::string text = "192.0.2.1\n192.0.2.2\n192.0.2.3\n";
  CHECK(refusal(text, {.entries_max = 9, .entries_of_others = 6}).empty());
  const char* too_many = "has more than 9 entries, the other feeds of its kind included";
  CHECK(refusal(text, {.entries_max = 9, .entries_of_others = 7}) == too_many);
  CHECK(refusal(text, {.entries_max = 9, .entries_of_others = 10}) == too_many);
  const std::string hashes = std::string(40, 'a') + "\n" + std::string(40, 'b') + "\n";
  CHECK(read(hashes, FeedKind::hashes, {.entries_max = 9, .entries_of_others = 7}));
  CHECK_FALSE(read(hashes, FeedKind::hashes, {.entries_max = 9, .entries_of_others = 8}));
}

TEST_CASE("feed reader: a line that denies nearly everybody is a mistake") {
  for (const char* wide : {"0.0.0.0/0", "::/0", "128.0.0.0/1", "0.0.0.0-64.0.0.0", "100.0.0.0-200.0.0.0",
                           "all:0.0.0.0-255.255.255.255", "0.0.0.0-255.255.255.255,000,all", "::/2",
                           "2000::/3", "2600::-37ff:ffff:ffff:ffff::", "2000::-3000::"}) {
    CHECK(refusal(std::string("192.0.2.1\n") + wide + "\n") ==
          std::string("line 2: \"") + wide + "\" holds more addresses than a feed may deny at once");
  }
  // What lists of unused networks have.
  CHECK(refusal("64.0.0.0/2\n224.0.0.0/3\n::/8\n3000::/4\n4000::/2\n8000::/1\nfc00::/7\n").empty());
  CHECK(refusal("0.0.0.0-255.255.255.255,200,allowed\n192.0.2.1\n").empty());
}

TEST_CASE("feed reader: after a refusal nothing is taken") {
  FeedReader reader(FeedKind::networks, {.lines_max = 1});
  CHECK_FALSE(reader.add("192.0.2.1\n192.0.2.2\n"));
  CHECK_FALSE(reader.add("192.0.2.1\n"));
  CHECK(reader.finish().error().message == "has more than 1 lines");
}
