#include "node/text/url_secrets.h"

#include <doctest/doctest.h>

#include <string>

using shoal::node::without_url_secrets;

TEST_CASE("url secrets: user, password and query are left out") {
  CHECK(without_url_secrets("https://lists.example/a.gz") == "https://lists.example/a.gz");
  CHECK(without_url_secrets("https://user:word@lists.example/a.gz?key=word#word") ==
        "https://lists.example/a.gz");
  CHECK(without_url_secrets("https://lists.example?word") == "https://lists.example");
  CHECK(without_url_secrets("https://a@word@lists.example") == "https://lists.example");
  CHECK(without_url_secrets("nets things 60 ftp://user:word@h:21/?word") == "nets things 60 ftp://h:21/");
  CHECK(without_url_secrets("https://word@") == "https://");
}

TEST_CASE("url secrets: characters that should be escaped do not end a password") {
  CHECK(without_url_secrets("https://user:wo/rd@lists.example/a?word") == "https://...@lists.example/a");
  CHECK(without_url_secrets("https://wo/rd@a:wo/rd@lists.example/") == "https://...@lists.example/");
  for (const char* text : {"https://user:wo?rd@h/", "https://user:wo#rd@h/", "https://h/?key=wo@rd"})
    CHECK(without_url_secrets(text) == "https://...");
}

TEST_CASE("url secrets: what is not quite a URL") {
  CHECK(without_url_secrets("nets networks 60 HTTPS:/user:word@h/?word") == "nets networks 60 HTTP...@h/");
  CHECK(without_url_secrets("http:user:word@h/") == "httph/");
  CHECK(without_url_secrets("https:/h/?word") == "https:/h/");
  CHECK(without_url_secrets("nets networks 60 user:word@h/?word") == "nets networks 60 h/");
  CHECK(without_url_secrets("word@h") == "h");
}

TEST_CASE("url secrets: other text stays") {
  for (const char* text : {"", "60", "/var/lib/list?x", "nets networks 600 list", "a b c"})
    CHECK(without_url_secrets(text) == text);
}
