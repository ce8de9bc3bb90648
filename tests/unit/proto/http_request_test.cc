#include "proto/http_request.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace shoal::proto;

namespace {

constexpr HttpRules kStrict;
constexpr HttpRules kTracker{.lenient = true, .bare_lf = true};
constexpr HttpRules kBehindProxy{.lenient = true};

HttpRequest parse(std::string_view text, HttpRules rules = kStrict) {
  return parse_http_request({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, rules);
}

// The status of a refused request, 200 for a good one, 0 for need_more; checks that it does not depend on
// how the bytes arrive.
int status_of(const std::string& text, HttpRules rules = kStrict) {
  const HttpRequest whole = parse(text, rules);
  for (size_t size = 0; size < text.size(); ++size) {
    const HttpRequest part = parse(std::string_view(text).substr(0, size), rules);
    if (part.state == HttpState::bad) {
      CHECK(whole.state == HttpState::bad);
      CHECK(whole.status == part.status);
    }
    if (part.state == HttpState::request) CHECK(whole.consumed == size);
  }
  if (whole.state == HttpState::need_more) return 0;
  return whole.state == HttpState::request ? 200 : whole.status;
}

const std::string kHost = "Host: t\r\n";

int status_with(const std::string& headers, HttpRules rules = kStrict) {
  return status_of("GET /announce HTTP/1.1\r\n" + kHost + headers + "\r\n", rules);
}

}  // namespace

TEST_CASE("http request: a plain announce") {
  const std::string text =
      "GET /announce?info_hash=%00&port=1 HTTP/1.1\r\nHost: tracker.example:6969\r\nUser-Agent: x/1\r\n\r\n";
  const HttpRequest request = parse(text);
  REQUIRE(request.state == HttpState::request);
  CHECK(request.method == HttpMethod::get);
  CHECK(request.path == "/announce");
  CHECK(request.query == "info_hash=%00&port=1");
  CHECK(request.version_minor == 1);
  CHECK(request.keep_alive);
  CHECK(request.consumed == text.size());
  CHECK(request.header("host") == "tracker.example:6969");
  CHECK(request.header("USER-AGENT") == "x/1");
  CHECK(!request.header("Accept"));
  CHECK(!request.header("User"));
}

TEST_CASE("http request: every truncation asks for more") {
  const std::string text = "HEAD /scrape HTTP/1.0\r\nA: b\r\nConnection: keep-alive\r\n\r\n";
  for (size_t size = 0; size < text.size(); ++size) {
    CHECK(parse(std::string_view(text).substr(0, size)).state == HttpState::need_more);
  }
  CHECK(parse(text).method == HttpMethod::head);
}

TEST_CASE("http request: pipelined requests are consumed one by one") {
  std::string_view text =
      "GET /a HTTP/1.1\r\nHost: t\r\n\r\nGET /b?c HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\nGET";
  const HttpRequest first = parse(text);
  REQUIRE(first.state == HttpState::request);
  CHECK(first.path == "/a");
  CHECK(first.keep_alive);
  text.remove_prefix(first.consumed);
  const HttpRequest second = parse(text);
  REQUIRE(second.state == HttpState::request);
  CHECK(second.path == "/b");
  CHECK(second.query == "c");
  CHECK(!second.keep_alive);
  text.remove_prefix(second.consumed);
  CHECK(text == "GET");
  CHECK(parse(text).state == HttpState::need_more);
}

TEST_CASE("http request: keep-alive by version and by Connection's list") {
  const auto keeps = [](std::string_view version, std::string_view connection) {
    std::string text = "GET / HTTP/" + std::string(version) + "\r\nHost: t\r\n";
    text += connection;
    text += "\r\n";
    const HttpRequest request = parse(text);
    REQUIRE(request.state == HttpState::request);
    return request.keep_alive;
  };
  CHECK(keeps("1.1", ""));
  CHECK(!keeps("1.0", ""));
  CHECK(keeps("1.0", "Connection: Keep-Alive\r\n"));
  CHECK(!keeps("1.1", "Connection: Close\r\n"));
  CHECK(!keeps("1.1", "Connection: TE,\t CLOSE \r\n"));
  CHECK(!keeps("1.1", "Connection: keep-alive, close\r\n"));
  CHECK(!keeps("1.0", "Connection: keep-alive\r\nConnection: close\r\n"));
  CHECK(keeps("1.1", "Connection: closed, x\r\n"));
  CHECK(keeps("1.1", "Connection: ,,\r\n"));
  CHECK(keeps("1.9", ""));
  CHECK(parse("GET / HTTP/1.1\r\nHost: t\r\nConnection: TE, close\r\n\r\n").says_close);
  CHECK(!parse("GET / HTTP/1.0\r\n\r\n").says_close);
}

TEST_CASE("http request: targets") {
  std::string text;
  const auto target = [&text](std::string_view asked) {
    text = "GET " + std::string(asked) + " HTTP/1.0\r\n\r\n";
    return parse(text);
  };
  CHECK(target("http://host:6969/announce?x").path == "/announce");
  CHECK(target("HTTP://host/announce?x").query == "x");
  CHECK(target("http://host").path == "/");
  CHECK(target("http://host?x").path == "/");
  CHECK(target("http://host?x").query == "x");
  CHECK(target("/a?b?c").query == "b?c");
  CHECK(target("/\xff?info_hash=\x80").query == "info_hash=\x80");
  for (const char* bad :
       {"*", "announce", "http://", "http:///announce", "http://?x", "https://host/", "host:80"}) {
    CHECK(status_of(std::string("GET ") + bad + " HTTP/1.0\r\n\r\n") == 400);
  }
}

TEST_CASE("http request: malformed request lines") {
  const auto line = [](std::string_view text) {
    return status_of(std::string(text) + "\r\nHost: t\r\n\r\n");
  };
  CHECK(line("GET / HTTP/1.1") == 200);
  CHECK(line("") == 400);
  CHECK(line("GET") == 400);
  CHECK(line("GET /") == 400);
  CHECK(line("GET  HTTP/1.1") == 400);
  CHECK(line("GET  / HTTP/1.1") == 400);
  CHECK(line("GET /  HTTP/1.1") == 400);
  CHECK(line("GET / HTTP/1.1 ") == 400);
  CHECK(line(" GET / HTTP/1.1") == 400);
  CHECK(line("GET /a b HTTP/1.1") == 400);
  CHECK(line("GET /a\tb HTTP/1.1") == 400);
  CHECK(line("GET\t/\tHTTP/1.1") == 400);
  CHECK(line("G(T / HTTP/1.1") == 400);
  CHECK(line("GET / http/1.1") == 400);
  CHECK(line("GET / HTTP/1.") == 400);
  CHECK(line("GET / HTTP/11") == 400);
  CHECK(line("GET / HTTP/1.10") == 400);
  CHECK(line("GET / HTTP/2.0") == 505);
  CHECK(line("GET / HTTP/0.9") == 505);
  CHECK(line("POST / HTTP/1.1") == 405);
  CHECK(line("get / HTTP/1.1") == 405);
  CHECK(line("CONNECT host:80 HTTP/1.1") == 405);
  CHECK(line("OPTIONS * HTTP/1.1") == 405);
  CHECK(line("PRI * HTTP/2.0") == 505);
}

TEST_CASE("http request: POST only where it is asked for, and never with a body") {
  const auto post = [](std::string_view headers, bool allowed) {
    const std::string text = "POST /v1/drain HTTP/1.1\r\nHost: x\r\n" + std::string(headers) + "\r\n";
    return parse_http_request({reinterpret_cast<const uint8_t*>(text.data()), text.size()},
                              {.post = allowed});
  };
  CHECK(post("", false).status == 405);
  CHECK(post("", true).state == HttpState::request);
  CHECK(post("", true).method == HttpMethod::post);
  CHECK(post("Content-Length: 0\r\n", true).state == HttpState::request);
  CHECK(post("Content-Length: 1\r\n", true).status == 400);
  CHECK(post("Transfer-Encoding: chunked\r\n", true).status == 501);
}

TEST_CASE("http request: NUL bytes, control bytes and binary garbage are refused at the byte") {
  for (int byte = 0; byte < 256; ++byte) {
    const bool control = (byte < 0x20 && byte != '\t' && byte != '\r') || byte == 0x7f;
    if (!control) continue;
    for (const std::string& before :
         {std::string(), std::string("GET /"), std::string("GET / HTTP/1.1\r\nA: ")}) {
      CHECK(parse(before + static_cast<char>(byte)).status == 400);
      CHECK(parse(before + "12345678abc" + static_cast<char>(byte) + "12345678").status == 400);
    }
  }
  CHECK(status_of(std::string("\x16\x03\x01\x02\x00\x01\x00\x01", 8)) == 400);  // a TLS hello
  CHECK(status_of(std::string("\x13"
                              "BitTorrent protocol")) == 400);
  CHECK(status_with("A: \x80\xff\t ok\r\n") == 200);
}

TEST_CASE("http request: by the strict rules lines end in CR LF only") {
  CHECK(status_of("GET / HTTP/1.0\n\n") == 400);
  CHECK(status_of("GET / HTTP/1.0\r\n\n") == 400);
  CHECK(status_of("GET / HTTP/1.0\r\nA: b\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.0\rA: b\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.0\r\nA: b\rc\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.0\r\r\n\r\n") == 400);
  CHECK(status_of("\r\nGET / HTTP/1.0\r\n\r\n") == 400);
}

TEST_CASE("http request: where no proxy stands between, lines may end in LF alone") {
  for (const std::string text : {"GET /a HTTP/1.0\n\n", "GET /a HTTP/1.0\r\n\n", "GET /a HTTP/1.0\n\r\n",
                                 "GET /a HTTP/1.1\nHost: t\n\r\n", "GET /a HTTP/1.0\r\nA: b\nC: d\r\n\n"}) {
    CAPTURE(text);
    CHECK(status_of(text, kTracker) == 200);
    CHECK(parse(text, kTracker).consumed == text.size());
    CHECK(status_of(text, kBehindProxy) == 400);
  }
  const std::string text = "GET / HTTP/1.0\nA: b \r\nX-Forwarded-For: 192.0.2.1\nC:d\n\nGET";
  const HttpRequest request = parse(text, kTracker);
  CHECK(request.header("A") == "b");
  CHECK(request.header("X-Forwarded-For") == "192.0.2.1");
  CHECK(request.header("C") == "d");
  CHECK(text.substr(request.consumed) == "GET");
  CHECK(status_of("GET / HTTP/1.0\rA: b\r\n\r\n", kTracker) == 400);
  CHECK(status_of("GET / HTTP/1.0\nA: b\rc\n\n", kTracker) == 400);
  CHECK(status_of("GET / HTTP/1.0\r\r\n\n", kTracker) == 400);
}

TEST_CASE("http request: lenient rules skip a few empty lines before a request") {
  const std::string request = "GET /a HTTP/1.0\r\n\r\n";
  for (const HttpRules rules : {kTracker, kBehindProxy}) {
    for (size_t count = 1; count <= 4; ++count) {
      std::string text;
      for (size_t i = 0; i < count; ++i) text += "\r\n";
      CHECK(status_of(text, rules) == 0);
      CHECK(status_of(text + request, rules) == 200);
      CHECK(parse(text + request, rules).consumed == text.size() + request.size());
    }
    CHECK(status_of("\r\n\r\n\r\n\r\n\r\n" + request, rules) == 400);
    CHECK(status_of(" \r\n" + request, rules) == 400);
  }
  CHECK(status_of("\n\r\n" + request, kTracker) == 200);
  CHECK(status_of("\n" + request, kBehindProxy) == 400);
}

TEST_CASE("http request: lenient rules skip a small body of a stated length") {
  for (const HttpRules rules : {kTracker, kBehindProxy}) {
    const std::string head = "GET /a HTTP/1.1\r\n" + kHost + "Content-Length: 5\r\n\r\n";
    CHECK(status_of(head, rules) == 0);
    CHECK(status_of(head + "hell", rules) == 0);
    CHECK(status_of(head + "hello", rules) == 200);
    // The body is not a request, whatever is in it.
    CHECK(parse(head + "GET /GET /b", rules).consumed == head.size() + 5);
    CHECK(parse(head + std::string("\0\r\n\r\n", 5), rules).consumed == head.size() + 5);
    const std::string largest = "Content-Length: " + std::to_string(kHttpBodyMax) + "\r\n";
    CHECK(status_with(largest, rules) == 0);
    CHECK(status_with("Content-Length: " + std::to_string(kHttpBodyMax + 1) + "\r\n", rules) == 413);
    CHECK(status_with("Content-Length: 18446744073709551616\r\n", rules) == 413);
    CHECK(status_with("Content-Length: 0\r\n", rules) == 200);
    CHECK(status_with("Content-Length: 5\r\nContent-Length: 5\r\n", rules) == 400);
    CHECK(status_with("Content-Length: 5\r\nContent-Length: 6\r\n", rules) == 400);
    CHECK(status_with("Content-Length: 5, 5\r\n", rules) == 400);
    CHECK(status_with("Content-Length: +5\r\n", rules) == 400);
    CHECK(status_with("Content-Length:\r\n", rules) == 400);
    CHECK(status_with("Content-Length : 5\r\n", rules) == 400);
    CHECK(status_with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", rules) == 400);
    CHECK(status_with("Transfer-Encoding: chunked\r\n", rules) == 501);
    CHECK(status_with("A : b\r\n", rules) == 400);
    CHECK(status_with("A: b\r\n c\r\n", rules) == 400);
  }
  const std::string full = "GET / HTTP/1.0\r\nContent-Length: " + std::to_string(kHttpBodyMax) + "\r\nA: ";
  const std::string head = full + std::string(kHttpHeadMax - full.size() - 4, 'x') + "\r\n\r\n";
  REQUIRE(head.size() == kHttpHeadMax);
  CHECK(parse(head, kTracker).state == HttpState::need_more);
  CHECK(parse(head + std::string(kHttpBodyMax, 'b'), kTracker).consumed == kHttpHeadMax + kHttpBodyMax);
}

TEST_CASE("http request: request smuggling shapes are refused") {
  CHECK(status_with("Content-Length: 5\r\n") == 400);
  CHECK(status_with("Content-Length: 0\r\n") == 200);
  CHECK(status_with("content-length: 00\r\n") == 200);
  CHECK(status_with("Content-Length: 0\r\nContent-Length: 0\r\n") == 400);
  CHECK(status_with("Content-Length: 0, 0\r\n") == 400);
  CHECK(status_with("Content-Length: 0 0\r\n") == 400);
  CHECK(status_with("Content-Length: +0\r\n") == 400);
  CHECK(status_with("Content-Length: -0\r\n") == 400);
  CHECK(status_with("Content-Length: 0x0\r\n") == 400);
  CHECK(status_with("Content-Length:\r\n") == 400);
  CHECK(status_with("Content-Length: 18446744073709551616\r\n") == 400);
  CHECK(status_with("Transfer-Encoding: chunked\r\n") == 501);
  CHECK(status_with("Transfer-Encoding: identity\r\n") == 501);
  CHECK(status_with("transfer-encoding:\r\n") == 501);
  CHECK(status_with("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n") == 400);
  CHECK(status_with("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n") == 400);
  CHECK(status_with("A: b\r\n c\r\n") == 400);   // folded
  CHECK(status_with("A: b\r\n\tc\r\n") == 400);  // folded
  CHECK(status_with(" A: b\r\n") == 400);
  CHECK(status_with("A : b\r\n") == 400);
  CHECK(status_with("Content-Length : 0\r\n") == 400);
  CHECK(status_with("Transfer-Encoding\t: chunked\r\n") == 400);
  CHECK(status_with("A\r\n") == 400);
  CHECK(status_with(": b\r\n") == 400);
  CHECK(status_with("A\x80: b\r\n") == 400);
  CHECK(status_with("A:\r\n") == 200);
  CHECK(status_with("Host: other\r\n") == 400);
}

TEST_CASE("http request: Host, once in 1.1, none needed in 1.0") {
  CHECK(status_of("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\n\r\n", kTracker) == 200);
  CHECK(status_of("GET / HTTP/1.1\r\n\r\n", kBehindProxy) == 200);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", kTracker) == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost:\r\n\r\n") == 200);
  CHECK(status_of("GET / HTTP/1.1\r\nhOST: [::1]:6969\r\n\r\n") == 200);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a b\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.0\r\n\r\n") == 200);
  CHECK(status_of("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n") == 400);
}

TEST_CASE("http request: headers over 8 KiB") {
  const std::string start = "GET / HTTP/1.1\r\nHost: t\r\nA: ";
  const std::string largest = start + std::string(kHttpHeadMax - start.size() - 4, 'x') + "\r\n\r\n";
  REQUIRE(largest.size() == kHttpHeadMax);
  CHECK(parse(largest).state == HttpState::request);
  CHECK(parse(largest + "GET").consumed == kHttpHeadMax);
  CHECK(parse(std::string_view(largest).substr(0, kHttpHeadMax - 1)).state == HttpState::need_more);

  const std::string larger = start + std::string(kHttpHeadMax - start.size() - 3, 'x') + "\r\n\r\n";
  for (size_t size = kHttpHeadMax - 4; size < kHttpHeadMax; ++size) {
    CHECK(parse(std::string_view(larger).substr(0, size)).state == HttpState::need_more);
  }
  CHECK(parse(std::string_view(larger).substr(0, kHttpHeadMax)).status == 431);
  CHECK(parse(larger).status == 431);
  CHECK(parse("GET /" + std::string(kHttpHeadMax, 'x')).status == 414);
}

TEST_CASE("http request: at most 64 headers") {
  std::string headers = kHost;
  for (size_t i = 1; i < kHttpHeadersMax; ++i) headers += "A: b\r\n";
  CHECK(status_of("GET / HTTP/1.1\r\n" + headers + "\r\n") == 200);
  CHECK(status_of("GET / HTTP/1.1\r\n" + headers + "A: b\r\n\r\n") == 431);
}

TEST_CASE("http request: the last of equal headers counts") {
  const std::string text =
      "GET / HTTP/1.0\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Fo: no\r\nx-forwarded-for: \t192.0.2.2 "
      "\r\n\r\n";
  CHECK(parse(text).header("X-Forwarded-For") == "192.0.2.2");
}

TEST_CASE("http request: what a web page may have made a browser send is known by its headers, or as TLS") {
  for (const std::string line : {"Origin: http://evil.example", "referer:http://evil.example/",
                                 "ORIGIN: null", "Sec-Fetch-Site: cross-site", "Accept-Language: en"}) {
    CAPTURE(line);
    const std::string head = "POST /announce HTTP/1.1\r\nHost: t\r\n" + line + "\r\n\r\n";
    CHECK(may_be_of_browser(head));
    CHECK(may_be_of_browser(head.substr(0, head.size() - 4)));
    CHECK(may_be_of_browser(line));
    CHECK(!may_be_of_browser("POST /announce HTTP/1.1\r\nHost: t\r\nX-" + line + "\r\n\r\n"));
  }
  CHECK(may_be_of_browser("\x16\x03\x01"));
  CHECK(!may_be_of_browser(""));
  CHECK(!may_be_of_browser("NONSENSE\r\n\r\n"));
  CHECK(!may_be_of_browser("GET /announce HTTP/1.1\r\nHost: t\r\nUser-Agent: qBittorrent/4.6\r\n\r\n"));
  CHECK(!may_be_of_browser("Origin"));
}
