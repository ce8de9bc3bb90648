#include "proto/http_answer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "proto/bencode.h"

using namespace shoal;
using namespace shoal::proto;

namespace {

std::string_view body_of(std::string_view response) { return response.substr(response.find("\r\n\r\n") + 4); }

bool has(std::string_view response, std::string_view part) {
  return response.find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("http answer: Connection is sent where it is not the default of the version") {
  const auto text = [](int version_minor, bool keep_alive, bool says_close = false) {
    std::string out;
    append_text(out, {HttpMethod::get, version_minor, keep_alive, says_close}, 200, "x");
    return out;
  };
  CHECK(!has(text(1, true), "Connection"));
  CHECK(has(text(1, false), "\r\nConnection: close\r\n"));
  CHECK(has(text(0, true), "\r\nConnection: keep-alive\r\n"));
  CHECK(has(text(0, false), "\r\nConnection: close\r\n"));
  CHECK(!has(text(1, false, true), "Connection"));  // the client knows
  CHECK(has(text(0, false, true), "\r\nConnection: close\r\n"));
}

TEST_CASE("http answer: HEAD gets the headers of GET and no body") {
  HttpAnnounceAnswer announce;
  const std::vector<uint8_t> peers(6 * 50, 1);
  announce.answer.peers_v4 = peers;
  for (const bool compact : {true, false}) {
    announce.compact = compact;
    std::string get;
    std::string head;
    append_announce_answer(get, {HttpMethod::get, 1, true}, announce);
    append_announce_answer(head, {HttpMethod::head, 1, true}, announce);
    CHECK(!body_of(get).empty());
    CHECK(head == get.substr(0, get.size() - body_of(get).size()));
  }
}

TEST_CASE("http answer: pipelined answers follow each other") {
  std::string one;
  append_failure(one, {}, "first");
  std::string two;
  append_failure(two, {}, "second");
  std::string both;
  append_failure(both, {}, "first");
  append_failure(both, {}, "second");
  CHECK(both == one + two);
}

TEST_CASE("http answer: the largest values fit and stay canonical") {
  constexpr SwarmCounts kMost{UINT32_MAX, UINT32_MAX, UINT32_MAX};
  const std::vector<uint8_t> v4(6 * 1000, 0xff);
  const std::vector<uint8_t> v6(18 * 1000, 0xfe);
  const std::vector<uint8_t> external(16, 0xfd);
  HttpAnnounceAnswer announce;
  announce.answer = {UINT32_MAX, kMost, v4, v6};
  announce.min_interval_s = UINT32_MAX;
  announce.external_ip = external;
  for (const bool compact : {true, false}) {
    announce.compact = compact;
    std::string out;
    append_announce_answer(out, {}, announce);
    const auto value = parse_bencode(body_of(out));
    REQUIRE(value);
    CHECK(value->find("complete")->integer() == UINT32_MAX);
    CHECK(value->find("external ip")->bytes()->size() == 16);
    CHECK(value->find("peers6")->bytes()->size() == (compact ? v6.size() : 0));
    CHECK(has(out, "Content-Length: " + std::to_string(body_of(out).size()) + "\r\n"));
  }

  std::vector<ScrapedSwarm> swarms(100);
  for (size_t i = 0; i < swarms.size(); ++i) {
    swarms[i].info_hash.bytes.fill(static_cast<uint8_t>(i));
    swarms[i].counts = kMost;
  }
  std::string out;
  append_scrape_answer(out, {}, swarms, UINT32_MAX);
  const auto value = parse_bencode(body_of(out));
  REQUIRE(value);
  const std::string last(20, 99);
  CHECK(value->find("files")->find(last)->find("downloaded")->integer() == UINT32_MAX);

  out.clear();
  append_failure(out, {}, std::string(10000, 'r'), RetryIn{.minutes = UINT32_MAX});
  CHECK(parse_bencode(body_of(out)));
}

TEST_CASE("http answer: a warning, if any, is the last key") {
  HttpAnnounceAnswer announce;
  announce.warning = "moving soon";
  std::string out;
  append_announce_answer(out, {}, announce);
  REQUIRE(parse_bencode(body_of(out)));
  CHECK(body_of(out).ends_with("15:warning message11:moving soone"));
  out.clear();
  append_announce_answer(out, {}, {});
  CHECK(!has(out, "warning"));
}

TEST_CASE("http answer: a client that asks too often gets Retry-After and retry in") {
  std::string out;
  append_too_often(out, {HttpMethod::get, 1, true}, "too many requests", 5);
  CHECK(out ==
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nContent-Length: 52\r\n"
        "Retry-After: 300\r\n\r\nd14:failure reason17:too many requests8:retry ini5ee");
  out.clear();
  append_too_often(out, {}, std::string(10000, 'r'), UINT32_MAX);
  CHECK(out.find("\r\nRetry-After: 257698037700\r\n") != std::string::npos);
}

TEST_CASE("http answer: a redirect") {
  std::string out;
  append_redirect(out, {HttpMethod::get, 1, true}, "https://example.org/x");
  CHECK(out == "HTTP/1.1 302 Found\r\nLocation: https://example.org/x\r\nContent-Length: 0\r\n\r\n");
  out.clear();
  append_redirect(out, {HttpMethod::get, 0, false}, "http://" + std::string(993, 'x'));
  CHECK(out.ends_with("xxx\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
}

TEST_CASE("http answer: every status of the parser has its name") {
  for (const int status : {400, 405, 413, 414, 431, 501, 505}) CHECK(http_status_text(status) != "Error");
  std::string out;
  append_http_error(out, 999);
  CHECK(out.starts_with("HTTP/1.1 999 Error\r\n"));
}
