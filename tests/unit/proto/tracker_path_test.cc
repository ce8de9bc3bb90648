#include "proto/tracker_path.h"

#include <doctest/doctest.h>

#include <string>

using namespace shoal::proto;

TEST_CASE("tracker path: the last segment or the first begins with the verb") {
  for (const char* path : {"/announce", "/announce/", "//announce", "/announce.php", "/announce/KEY",
                           "/KEY/announce", "/KEY/announce/", "/x/y/announce.php", "/a", "//a//",
                           "/announceX", "/announce/a/b", "/a/KEY", "/scrape/announce"}) {
    CAPTURE(path);
    CHECK(verb_of_path(path) == TrackerVerb::announce);
  }
  for (const char* path : {"/scrape", "/scrape/", "//scrape", "/scrape.php", "/scrape/KEY", "/KEY/scrape",
                           "/sc", "/s", "/a/scrape", "/announce/scrape"}) {
    CAPTURE(path);
    CHECK(verb_of_path(path) == TrackerVerb::scrape);
  }
}

TEST_CASE("tracker path: what cannot be an announce is none") {
  for (const char* path :
       {"", "/", "///", "/x", "/announc", "/ANNOUNCE", "/Scrape", "/x/announce/y", "/b/a/b", "/ab",
        "/%61nnounce", "/favicon.ico", "/stats", "/robots.txt", "/scrap", "/sca", "/index.php"}) {
    CAPTURE(path);
    CHECK(verb_of_path(path) == TrackerVerb::none);
  }
}

TEST_CASE("tracker path: the scrape URL that a client makes of an announce URL is one (BEP 48)") {
  for (const std::string path : {"/announce", "/announce.php", "/KEY/announce", "/a/announce", "/s/announce",
                                 "/scrape/announce", "//announce", "/announce/announce"}) {
    CAPTURE(path);
    REQUIRE(verb_of_path(path) == TrackerVerb::announce);
    std::string scrape = path;
    CHECK(verb_of_path(scrape.replace(path.rfind("announce"), 8, "scrape")) == TrackerVerb::scrape);
  }
}
