#include "proto/bencode.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

using namespace shoal::proto;

namespace {

std::string nested_lists(size_t depth) { return std::string(depth, 'l') + std::string(depth, 'e'); }

}  // namespace

TEST_CASE("bencode: written and read back") {
  std::array<uint8_t, 128> room;
  BencodeWriter writer(room);
  writer.begin_dict();
  writer.entry("a", INT64_MIN);
  writer.bytes("b");
  writer.begin_list();
  writer.bytes("");
  writer.integer(INT64_MAX);
  writer.end();
  writer.bytes("c");
  writer.bytes(std::array<uint8_t, 2>{0, 255});
  writer.end();
  REQUIRE(writer.ok());
  const std::string_view text = writer.written();
  CHECK(text == std::string("d1:ai-9223372036854775808e1:bl0:i9223372036854775807ee1:c2:\x00\xff"
                            "e",
                            62));

  const auto value = parse_bencode(text);
  REQUIRE(value);
  CHECK(value->kind() == BencodeValue::Kind::dict);
  CHECK(value->find("a")->integer() == INT64_MIN);
  CHECK(value->find("c")->bytes() == std::string_view("\x00\xff", 2));
  CHECK(!value->find("d"));
  auto list = value->find("b")->children();
  CHECK(list.next()->bytes() == "");
  CHECK(list.next()->integer() == INT64_MAX);
  CHECK(!list.next());
  CHECK(!value->find("a")->bytes());
  CHECK(!value->find("b")->integer());
  CHECK(!value->find("b")->find("a"));
  CHECK(!value->find("a")->children().next());
}

TEST_CASE("bencode: every truncation fails") {
  const std::string text = "d1:ai-12e1:bl0:3:abce1:cd1:xi0eee";
  REQUIRE(parse_bencode(text));
  for (size_t size = 0; size < text.size(); ++size) CHECK(!parse_bencode(text.substr(0, size)));
}

TEST_CASE("bencode: what is not canonical is refused") {
  for (const char* bad : {"",
                          "i",
                          "ie",
                          "i-e",
                          "i01e",
                          "i-0e",
                          "i-01e",
                          "i+1e",
                          "i 1e",
                          "i1",
                          "i1.5e",
                          "i9223372036854775808e",
                          "i-9223372036854775809e",
                          "i0ei0e",
                          "1",
                          "1:",
                          "01:a",
                          "1;a",
                          "1aa",
                          "-1:a",
                          "2:a",
                          "18446744073709551616:a",
                          "18446744073709551615:a",
                          "1:ab",
                          "a",
                          "e",
                          "l",
                          "li0e",
                          "d",
                          "d1:a",
                          "d1:ae",
                          "di0ei0ee",
                          "d1:b0:1:a0:e",
                          "d1:a0:1:a0:e",
                          "d1:a0:0:0:e",
                          "dle0:e"}) {
    CHECK_MESSAGE(!parse_bencode(bad), bad);
  }
  for (const char* good : {"i0e", "i-1e", "0:", "le", "de", "d0:0:1:a0:2:aa0:1:b0:e"}) {
    CHECK_MESSAGE(parse_bencode(good), good);
  }
}

TEST_CASE("bencode: depth is limited") {
  CHECK(parse_bencode(nested_lists(kBencodeDepthMax)));
  CHECK(!parse_bencode(nested_lists(kBencodeDepthMax + 1)));
  CHECK(!parse_bencode(std::string(1000000, 'l')));
}

TEST_CASE("bencode: errors name the place") {
  CHECK(parse_bencode("d1:b0:1:a0:e").error().message == "bencode: dictionary keys not in order at byte 9");
  CHECK(parse_bencode("i0ex").error().message == "bencode: more bytes after the end at byte 3");
}

TEST_CASE("bencode: a full writer stays failed") {
  std::array<uint8_t, 4> room;
  BencodeWriter writer(room);
  writer.bytes("ab");
  CHECK(writer.ok());
  writer.integer(1);
  CHECK(!writer.ok());
  writer.bytes("");
  CHECK(!writer.ok());
}
