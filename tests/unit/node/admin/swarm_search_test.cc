#include "node/admin/swarm_search.h"

#include <doctest/doctest.h>

using namespace shoal;

namespace {

const std::string kHex = "0123456789abcdef0123456789abcdef01234567";

std::string found(const std::string& query) {
  const auto hash = node::swarm_search(query).info_hash;
  return hash ? common::to_hex(*hash) : "";
}

}  // namespace

TEST_CASE("swarm search: an info_hash in either notation") {
  CHECK(found("info_hash=" + kHex) == kHex);
  CHECK(found("info_hash=++" + kHex + "%0A") == kHex);
  CHECK(found("info_hash=0123456789ABCDEF0123456789ABCDEF01234567") == kHex);
  CHECK(found("x=y&info_hash=" + kHex + "&z") == kHex);
  // RFC 4648 of the same bytes.
  CHECK(found("info_hash=AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH") == kHex);
  CHECK(found("info_hash=aerukz4jvpg66ajdivtytk6n54asgrlh") == kHex);
}

TEST_CASE("swarm search: a magnet link, as a form sends it and as it is") {
  CHECK(found("info_hash=magnet%3A%3Fxt%3Durn%3Abtih%3A" + kHex +
              "%26dn%3Da+name%26tr%3Dudp%253A%252F%252Fx") == kHex);
  CHECK(found("info_hash=magnet:?dn=x%26xt=urn:btih:AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH") == kHex);
}

TEST_CASE("swarm search: anything else names no swarm, and is kept to be shown") {
  for (const std::string& query :
       {std::string(), std::string("info_hash"), std::string("info_hash="), "info_hash=" + kHex + "0",
        "info_hash=" + kHex.substr(1), std::string("info_hash=urn:btih:"), "info_hash=%zz" + kHex,
        "hash=" + kHex, "info_hash=" + std::string(32, '1'), "info_hash=" + std::string(40, 'x')}) {
    CAPTURE(query);
    CHECK(found(query).empty());
  }
  CHECK(node::swarm_search("info_hash=+%3Cb%3E%4").typed == "<b>%4");
}
