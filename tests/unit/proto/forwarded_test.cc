#include "proto/forwarded.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/support/parsed_request.h"

using namespace shoal;

namespace {

// The hops of a request with these header lines, nearest first.
std::vector<std::string> hops(const std::string& header, const std::vector<std::string>& lines) {
  const test::ParsedRequest request(lines);
  const proto::Hops found = proto::read_hops(*request, header);
  std::vector<std::string> out;
  for (size_t i = 0; i < found.size(); ++i) out.emplace_back(found[i]);
  return out;
}

using List = std::vector<std::string>;

}  // namespace

TEST_CASE("X-Forwarded-For: several values, several lines, nearest first") {
  CHECK(hops("X-Forwarded-For", {}).empty());
  CHECK(hops("X-Forwarded-For", {"X-Forwarded-For: 1.1.1.1"}) == List{"1.1.1.1"});
  CHECK(hops("x-forwarded-for", {"X-FORWARDED-FOR: 1.1.1.1 ,\t2.2.2.2", "Other: 9.9.9.9",
                                 "X-Forwarded-For: 3.3.3.3"}) == List{"3.3.3.3", "2.2.2.2", "1.1.1.1"});
  CHECK(hops("X-Forwarded-For", {"X-Forwarded-For:"}) == List{""});
  CHECK(hops("X-Forwarded-For", {"X-Forwarded-For: 1.1.1.1,"}) == List{"", "1.1.1.1"});
  CHECK(hops("X-Real-IP", {"X-Real-IPs: 1.1.1.1", "X-Real-IP: 2.2.2.2"}) == List{"2.2.2.2"});
}

TEST_CASE("hops: of too many, the nearest are kept") {
  std::string line = "X-Forwarded-For: 0";
  for (int i = 1; i < 1000; ++i) line += "," + std::to_string(i);
  const List found = hops("X-Forwarded-For", {line});
  REQUIRE(found.size() == proto::Hops::kMax);
  CHECK(found.front() == "999");
  CHECK(found.back() == std::to_string(1000 - proto::Hops::kMax));
}

TEST_CASE("Forwarded: RFC 7239's examples") {
  CHECK(hops("Forwarded", {"Forwarded: for=\"_gazonk\""}) == List{"_gazonk"});
  CHECK(hops("Forwarded", {"Forwarded: For=\"[2001:db8:cafe::17]:4711\""}) ==
        List{"[2001:db8:cafe::17]:4711"});
  CHECK(hops("Forwarded", {"Forwarded: for=192.0.2.60;proto=http;by=203.0.113.43"}) == List{"192.0.2.60"});
  CHECK(hops("Forwarded", {"Forwarded: for=192.0.2.43, for=198.51.100.17"}) ==
        List{"198.51.100.17", "192.0.2.43"});
  CHECK(hops("Forwarded", {"Forwarded: ;for=192.0.2.43;;proto=http;"}) == List{"192.0.2.43"});
  CHECK(hops("Forwarded", {"Forwarded: for=192.0.2.43", "Forwarded: for=198.51.100.17;by=\"x,y;z=\""}) ==
        List{"198.51.100.17", "192.0.2.43"});
}

TEST_CASE("Forwarded: malformed text is one unknown hop, whatever a client hides in it") {
  for (const std::string value :
       {"by=1.1.1.1", "", "for", "=1.1.1.1", "for=1.1.1.1;for=2.2.2.2", "for=\"1.1.1.1", "for=1.1.1.1\"",
        "for=\"1.1.1.1\\\"\"", "for=1.1.1.1;x=\"a\"b\"", "for=\"1.1.\"1.1"}) {
    CAPTURE(value);
    CHECK(hops("Forwarded", {"Forwarded: " + value}) == List{""});
  }
  // A client opens a quote so that the proxy's own element falls into it.
  CHECK(hops("Forwarded", {"Forwarded: for=6.6.6.6;x=\", for=198.51.100.17"}) == List{""});
  CHECK(hops("Forwarded", {"Forwarded: for=6.6.6.6;x=\", for=\"[2001:db8::1]\""}) == List{""});
  CHECK(hops("Forwarded", {"Forwarded: for=6.6.6.6, x=\"", "Forwarded: for=198.51.100.17"})[0] ==
        "198.51.100.17");
}

TEST_CASE("hops: addresses with and without port, brackets") {
  const auto text = [](const char* hop) {
    const auto address = proto::parse_hop(hop);
    return address ? common::to_string(*address) : "none";
  };
  CHECK(text("192.0.2.1") == "192.0.2.1:0");
  CHECK(text("192.0.2.1:8080") == "192.0.2.1:0");
  CHECK(text("2001:db8::1") == "[2001:db8::1]:0");
  CHECK(text("[2001:db8::1]") == "[2001:db8::1]:0");
  CHECK(text("[2001:db8::1]:8080") == "[2001:db8::1]:0");
  CHECK(text("::ffff:192.0.2.1") == "192.0.2.1:0");
  for (const char* none :
       {"", "unknown", "_hidden", "localhost", "192.0.2.1:", "192.0.2.1:70000", "[192.0.2.1]", "[]",
        "[2001:db8::1", "2001:db8::1]", "192.0.2", "192.0.2.1 ", "\"192.0.2.1\"", "[::1]x", "1"}) {
    CAPTURE(none);
    CHECK(text(none) == "none");
  }
}
