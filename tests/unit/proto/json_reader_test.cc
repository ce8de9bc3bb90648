#include "proto/json_reader.h"

#include <doctest/doctest.h>

#include <numeric>
#include <string>
#include <vector>

using namespace shoal::proto;

namespace {

bool is_json(std::string_view text) {
  JsonReader json(text);
  json.skip();
  return json.finish();
}

}  // namespace

TEST_CASE("json reader: takes what is JSON") {
  for (const std::string_view good :
       {"{}", "[]", " [ 1 , 2 ] ", R"({"a":{"b":[true,false,null]},"c":"d"})", "0", "-0.5e+10", "1E400",
        R"("")", R"("\"\\\/\b\f\n\r\t\u00e9")", "\"\xc3\xb6\"", "\"\\ud800\""}) {
    CHECK_MESSAGE(is_json(good), good);
  }
}

TEST_CASE("json reader: refuses what is not") {
  for (const std::string_view bad :
       {"",          " ",           "{",         "}",        "[1,]",     "{,}",      R"({"a"})",
        R"({"a":})", R"({"a":1,})", R"({a:1})",  "[1 2]",    "01",       "-",        "1.",
        ".5",        "1e",          "+1",        "nul",      "truee",    "NaN",      R"("a)",
        R"("\x41")", R"("\u00g0")", R"("\u12")", "\"\x01\"", "\"\xff\"", "\"\xc3\"", "[1]]",
        "{} x",      R"(["a":1])",  "'a'",       R"("\)"}) {
    CHECK_MESSAGE(!is_json(bad), bad);
  }
}

TEST_CASE("json reader: every beginning of a text is no text") {
  const std::string text =
      R"({"action":"announce","offers":[{"offer":{"sdp":"v=0\r\n"},"n":-1.5e3}],"x":null})";
  CHECK(is_json(text));
  for (size_t size = 0; size < text.size(); ++size) CHECK_FALSE(is_json(text.substr(0, size)));
}

TEST_CASE("json reader: depth is bounded") {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(is_json(nested(kJsonDepthMax)));
  CHECK_FALSE(is_json(nested(kJsonDepthMax + 1)));
  CHECK_FALSE(is_json(std::string(1 << 20, '[')));
  // Beside each other there may be any number.
  std::string flat = "[";
  for (int i = 0; i < 100; ++i) flat += "{\"a\":[]},";
  CHECK(is_json(flat + "{}]"));
}

TEST_CASE("json reader: values come as they are asked for") {
  JsonReader json(R"({"a":"x\ny","b":[1,2.5],"c":-3})");
  std::vector<std::string> keys;
  std::vector<double> numbers;
  std::string text;
  json.object([&](std::string_view key) {
    keys.emplace_back(key);
    if (json.kind() == JsonKind::string) {
      text = json.string();
    } else if (json.kind() == JsonKind::array) {
      json.array([&] { numbers.push_back(json.number().value_or(0)); });
    } else {
      numbers.push_back(json.number().value_or(0));
    }
  });
  CHECK(json.finish());
  CHECK(keys == std::vector<std::string>{"a", "b", "c"});
  CHECK(text == R"(x\ny)");
  CHECK(numbers == std::vector<double>{1, 2.5, -3});
}

TEST_CASE("json reader: binary strings are there and back for every byte") {
  for (int first = 0; first < 256; first += 20) {
    std::array<uint8_t, 20> bytes;
    std::iota(bytes.begin(), bytes.end(), static_cast<uint8_t>(first));
    std::string text;
    append_json_binary(text, bytes);
    CHECK(is_json(text));
    CHECK(json_binary20(std::string_view(text).substr(1, text.size() - 2)) == bytes);
  }
}

TEST_CASE("json reader: binary strings are 20 characters up to U+00FF, however written") {
  const std::string nineteen = "aaaaaaaaaaaaaaaaaaa";
  CHECK(json_binary20(nineteen + "a"));
  CHECK(json_binary20(nineteen + R"(\u00ff)")->back() == 0xff);
  CHECK(json_binary20(nineteen + R"(\n)")->back() == '\n');
  CHECK(json_binary20(nineteen + R"(\/)")->back() == '/');
  CHECK(json_binary20(nineteen + "\xc2\x80")->back() == 0x80);
  CHECK_FALSE(json_binary20(nineteen));
  CHECK_FALSE(json_binary20(nineteen + "aa"));
  CHECK_FALSE(json_binary20(nineteen + R"(\u0100)"));
  CHECK_FALSE(json_binary20(nineteen + "\xc4\x80"));
  CHECK_FALSE(json_binary20(nineteen + "\xe2\x82\xac"));
}

TEST_CASE("json reader: any text can be written as a string") {
  std::string out;
  append_json_string(out, "a\"b\\c\n\x7f \xc3\xb6");
  CHECK(out == "\"a\\\"b\\\\c\\u000a\\u007f \xc3\xb6\"");
  CHECK(is_json(out));
  out.clear();
  append_json_string(out, "\xff\xfe");
  CHECK(out == "\"??\"");
}
