#include "node/cli/answer_text.h"

#include <doctest/doctest.h>

using namespace shoal::node;
using nlohmann::json;

namespace {

const std::string kHash(40, 'a');

}  // namespace

TEST_CASE("answer text: the access list") {
  CHECK(access_changes_text(
            {{"mode", "deny"},
             {"file_entries", 12},
             {"changes", json::array({{{"info_hash", kHash}, {"change", "add"}, {"node", "2a"}}})}}) ==
        "mode deny, 12 from the file, 1 changed at run time\nadd    " + kHash + " by 2a\n");
  CHECK(access_verdicts_text(
            {{"hashes", json::array({{{"info_hash", kHash}, {"listed", true}, {"allowed", false}}})}}) ==
        kHash + " listed, not served\n");
}

TEST_CASE("answer text: the largest swarms") {
  CHECK(top_text({{"unix_ms", nullptr}, {"swarms", json::array()}}, false) ==
        "no result yet: the node has begun to search; try again in a few seconds\n");
  CHECK(
      top_text({{"unix_ms", 1},
                {"swarms",
                 json::array({{{"info_hash", kHash}, {"seeders", 100}, {"leechers", 2}, {"completed", 3}}})}},
               false) == "INFO_HASH                                 SEEDERS  LEECHERS  COMPLETED\n" + kHash +
                             "  100      2         3\n");
}

TEST_CASE("answer text: an unexpected value is a dash, and foreign text stays on its line") {
  for (
      const char* text :
      {"{}", "[]", "3",
       R"({"mode": 1, "changes": {}, "hashes": "x", "swarms": 1, "unix_ms": 1, "result": 5})",
       R"({"changes": [1, null, {}, {"change": 4, "info_hash": []}], "hashes": [1, {"listed": "x"}], "unix_ms": 1.5,
            "swarms": [[], {"seeders": -1, "leechers": 1e300, "completed": "x"}]})"}) {
    CAPTURE(text);
    const json document = json::parse(text);
    CHECK(!access_changes_text(document).empty());
    CHECK(!top_text(document, false).empty());
    CHECK(access_verdicts_text(document).find("served") == std::string::npos);
    CHECK(result_text(document) == "-");
  }
  CHECK(result_text({{"result", "a\nb\x1b"}}) == "a\\x0ab\\x1b");
}
