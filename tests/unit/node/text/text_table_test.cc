#include "node/text/text_table.h"

#include <doctest/doctest.h>

using namespace shoal::node;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace

TEST_CASE("text table: columns, without spaces at the end of a line") {
  CHECK(text_table({}, false).empty());
  CHECK(text_table({{"NAME", "STATE", "LAG"}, {"a", "", "1 ms"}, {"longer", "ready", ""}}, false) ==
        "NAME    STATE  LAG\n"
        "a              1 ms\n"
        "longer  ready\n");
}

TEST_CASE("text table: no line is longer than the maximum, and the widest columns give way") {
  const std::string address = "[2001:db8:1111:2222:3333:4444:5555:6666]:6970";
  const std::string table =
      text_table({{"NAME", "ADDRESS", "STATE"}, {std::string(80, 'n'), address, "ready"}}, false);
  const auto lines = lines_of(table);
  REQUIRE(lines.size() == 2);
  CHECK(lines[1].size() == kTableWidthMax);
  CHECK(lines[1].ends_with("  " + address + "  ready"));
  CHECK(lines[1].starts_with("nnnn"));
  CHECK(lines[0].substr(lines[1].find('[')) == "ADDRESS" + std::string(address.size() - 5, ' ') + "STATE");
  // Nothing is cut that fits.
  CHECK(text_table({{"A"}, {std::string(kTableWidthMax, 'x')}}, false) ==
        "A\n" + std::string(kTableWidthMax, 'x') + "\n");
}

TEST_CASE("text table: colours surround the text of a cell and change no column") {
  const std::vector<TextRow> rows = {
      {"NAME", "STATE"}, {"a", {"down", Tone::bad}}, {"bb", {"up", Tone::good}}};
  std::string coloured = text_table(rows, true);
  CHECK(coloured ==
        "\x1b[1mNAME\x1b[0m  \x1b[1mSTATE\x1b[0m\n"
        "a     \x1b[1;31mdown\x1b[0m\n"
        "bb    \x1b[32mup\x1b[0m\n");
  CHECK(toned("x", Tone::plain, true) == "x");
  CHECK(toned("", Tone::bad, true).empty());
  CHECK(toned("x", Tone::bad, false) == "x");
}

TEST_CASE("text table: a shortened text keeps its beginning and its end") {
  CHECK(shortened("tracker-frankfurt-01", 20) == "tracker-frankfurt-01");
  CHECK(shortened("tracker-frankfurt-01.example", 12) == "track..ample");
  CHECK(shortened("abcdef", 5) == "ab..f");
  CHECK(shortened("abcdef", 2) == "ab");
  CHECK(shortened("abcdef", 0).empty());
}
