// The tracker's HTTP answers, byte by byte.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proto/bencode.h"
#include "proto/http_answer.h"

using namespace shoal;
using namespace shoal::proto;

namespace {

constexpr HttpReply kKeepAlive{HttpMethod::get, 1, true};

// 192.0.2.1:6881, 198.51.100.2:65535
const std::vector<uint8_t> kPeersV4 = {192, 0, 2, 1, 0x1a, 0xe1, 198, 51, 100, 2, 0xff, 0xff};
// [2001:db8::1]:6969
const std::vector<uint8_t> kPeersV6 = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0,    0,
                                       0,    0,    0,    0,    0, 0, 1, 0x1b, 0x39};
const std::vector<uint8_t> kExternal = {203, 0, 113, 9};

HttpAnnounceAnswer announce_answer() {
  HttpAnnounceAnswer announce;
  announce.answer = {1800, {.seeders = 2, .leechers = 3, .completed = 7}, kPeersV4, kPeersV6};
  return announce;
}

std::string text_of(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

std::string ok(const std::string& body, const std::string& type = "") {
  return "HTTP/1.1 200 OK\r\n" + type + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string failure(const std::string& body) { return ok(body, "Content-Type: text/plain\r\n"); }

}  // namespace

TEST_CASE("golden: HTTP announce, compact") {
  HttpAnnounceAnswer announce = announce_answer();
  std::string out;
  append_announce_answer(out, kKeepAlive, announce);
  CHECK(out == ok("d8:completei2e10:downloadedi7e10:incompletei3e8:intervali1800e"
                  "5:peers12:" +
                  text_of(kPeersV4) + "6:peers618:" + text_of(kPeersV6) + "e"));

  announce.min_interval_s = 900;
  announce.external_ip = kExternal;
  announce.answer.peers_v4 = {};
  announce.answer.peers_v6 = {};
  out.clear();
  append_announce_answer(out, kKeepAlive, announce);
  const std::string body = "d8:completei2e10:downloadedi7e11:external ip4:\xcb" + std::string(1, '\0') +
                           "q\t10:incompletei3e8:intervali1800e12:min intervali900e5:peers0:6:peers60:e";
  CHECK(out == ok(body));
  CHECK(parse_bencode(body));
}

TEST_CASE("golden: HTTP announce, compact=0") {
  HttpAnnounceAnswer announce = announce_answer();
  announce.compact = false;
  std::string out;
  append_announce_answer(out, kKeepAlive, announce);
  CHECK(out == ok("d8:completei2e10:downloadedi7e10:incompletei3e8:intervali1800e5:peersl"
                  "d2:ip9:192.0.2.14:porti6881ee"
                  "d2:ip12:198.51.100.24:porti65535ee"
                  "d2:ip11:2001:db8::14:porti6969ee"
                  "e6:peers60:e"));
}

TEST_CASE("golden: HTTP scrape") {
  std::vector<ScrapedSwarm> swarms(2);
  swarms[0].info_hash.bytes.fill('x');
  swarms[0].counts = {.seeders = 11, .leechers = 19, .completed = 13772};
  swarms[1].info_hash.bytes.fill('y');
  swarms[1].counts = {.seeders = 21, .leechers = 20, .completed = 206};
  std::string out;
  append_scrape_answer(out, kKeepAlive, swarms);
  CHECK(out == ok("d5:filesd"
                  "20:xxxxxxxxxxxxxxxxxxxxd8:completei11e10:downloadedi13772e10:incompletei19ee"
                  "20:yyyyyyyyyyyyyyyyyyyyd8:completei21e10:downloadedi206e10:incompletei20ee"
                  "ee"));
  out.clear();
  append_scrape_answer(out, kKeepAlive, {}, 600);
  CHECK(out == ok("d5:filesde5:flagsd20:min_request_intervali600eee"));
}

TEST_CASE("golden: HTTP failures") {
  std::string out;
  append_failure(out, kKeepAlive, "info_hash must be 20 bytes");
  CHECK(out == failure("d14:failure reason26:info_hash must be 20 bytese"));
  out.clear();
  append_failure(out, kKeepAlive, "busy", RetryIn{.minutes = 15});
  CHECK(out == failure("d14:failure reason4:busy8:retry ini15ee"));
  out.clear();
  append_failure(out, kKeepAlive, "not a tracker", RetryIn{.never = true});
  CHECK(out == failure("d14:failure reason13:not a tracker8:retry in5:nevere"));
}

TEST_CASE("golden: HTTP errors and texts") {
  std::string out;
  append_http_error(out, 400);
  CHECK(out ==
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n"
        "Connection: close\r\n\r\nBad Request\n");
  out.clear();
  append_http_error(out, 405);
  CHECK(out ==
        "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\nContent-Type: text/plain\r\n"
        "Content-Length: 19\r\nConnection: close\r\n\r\nMethod Not Allowed\n");
  out.clear();
  append_text(out, kKeepAlive, 404, "no such page\n");
  CHECK(out ==
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nno such page\n");
}
