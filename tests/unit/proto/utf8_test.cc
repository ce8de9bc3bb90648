#include "proto/utf8.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace shoal::proto;

TEST_CASE("utf8: what is valid, in any pieces") {
  const std::string text =
      "k\xc3\xb6 \xe2\x82\xac \xf0\x9f\x8c\x8a \xed\x9f\xbf \xee\x80\x80 \xf4\x8f\xbf\xbf";
  CHECK(is_utf8(text));
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    Utf8Check check;
    CHECK(check.take(std::string_view(text).substr(0, cut)));
    CHECK(check.take(std::string_view(text).substr(cut)));
    CHECK(check.whole());
  }
}

TEST_CASE("utf8: overlong forms, surrogates, numbers beyond the last, and torn characters are not") {
  for (const std::string_view bad :
       {"\x80", "\xc0\xaf", "\xc1\xbf", "\xc3(", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82", "\xf0\x9f\x8c"}) {
    CHECK_FALSE(is_utf8(bad));
  }
}
