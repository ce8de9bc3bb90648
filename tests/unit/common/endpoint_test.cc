#include "common/endpoint.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>

#include "common/prng.h"

using namespace shoal::common;

TEST_CASE("endpoint: text forms") {
  CHECK(to_string(make_endpoint_v4(0x7f000001, 6969)) == "127.0.0.1:6969");
  CHECK(to_string(*parse_endpoint("[2001:DB8:0:0:1::1]:1")) == "[2001:db8::1:0:0:1]:1");
  CHECK(address_to_string(*parse_address("::")) == "::");
  CHECK(address_to_string(*parse_address("::1")) == "::1");
  CHECK(address_to_string(*parse_address("1::")) == "1::");
  CHECK(address_to_string(*parse_address("1:0:2:0:0:0:0:3")) == "1:0:2::3");
  CHECK(parse_address("::ffff:192.0.2.1")->family == Family::v4);
  CHECK(address_to_string(*parse_address("::ffff:192.0.2.1")) == "192.0.2.1");
  CHECK(parse_endpoint("1.2.3.4:65535")->port == 65535);
}

TEST_CASE("endpoint: invalid text is refused") {
  for (const char* text : {"",
                           "1",
                           "1.2.3",
                           "1.2.3.4.5",
                           "1.2.3.256",
                           "01.2.3.4",
                           "1.2.3.",
                           ".1.2.3",
                           "1..2.3",
                           "a.b.c.d",
                           ":",
                           ":::",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "1:2:3:4:5:6:7:8::",
                           "::1::",
                           "12345::",
                           "g::",
                           "1:",
                           "1.2.3.4::",
                           "::1.2.3",
                           "::1.2.3.4:1",
                           " ::1",
                           "::1%lo",
                           "1.2.3.4 "}) {
    CAPTURE(text);
    CHECK(!parse_address(text));
  }
  for (const char* text : {"1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:+1", "::1:80",
                           "[1.2.3.4]:80", "[::1]80", "[::1]", "[::1]:", ":80", "[]:80"}) {
    CAPTURE(text);
    CHECK(!parse_endpoint(text));
  }
}

TEST_CASE("endpoint: random addresses print as inet_ntop prints them, and parse back") {
  Prng prng(1);
  for (int round = 0; round < 20000; ++round) {
    std::array<uint8_t, 16> bytes{};
    for (size_t i = 0; i < 16; i += 2) {  // many zero groups, to exercise "::"
      if (prng.below(2) == 0) continue;
      bytes[i] = static_cast<uint8_t>(prng.below(3) == 0 ? 0 : prng.next());
      bytes[i + 1] = static_cast<uint8_t>(prng.next());
    }
    const Endpoint endpoint = make_endpoint(bytes, static_cast<uint16_t>(prng.next()));
    CHECK(parse_endpoint(to_string(endpoint)) == endpoint);
    bool dotted = true;  // inet_ntop prints ::a.b.c.d dotted; RFC 5952 leaves it open
    for (size_t i = 0; i < 10; ++i) dotted = dotted && bytes[i] == 0;
    if (dotted) continue;
    char expected[INET6_ADDRSTRLEN];
    REQUIRE(inet_ntop(AF_INET6, bytes.data(), expected, sizeof expected) != nullptr);
    CHECK(address_to_string(endpoint) == expected);
  }
}
