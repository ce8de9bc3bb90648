#include "node/tracker/client_address.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/support/parsed_request.h"

using namespace shoal;

namespace {

node::TrustedProxies trusting(const std::string& header) {
  const std::vector<common::Network> networks = {*common::parse_network("10.0.0.0/8"),
                                                 *common::parse_network("2001:db8:1::/48")};
  return {common::NetworkSet(networks), header};
}

// The client of a request with these header lines that came from `connected`; "?": not known.
std::string client(const node::TrustedProxies& proxies, const char* connected,
                   const std::vector<std::string>& lines) {
  const auto found = node::client_of(*test::ParsedRequest(lines), *common::parse_address(connected), proxies);
  return found ? common::address_to_string(*found) : "?";
}

}  // namespace

TEST_CASE("client: the nearest hop that is no trusted proxy") {
  const auto proxies = trusting("X-Forwarded-For");
  CHECK(client(proxies, "10.0.0.1", {"X-Forwarded-For: 192.0.2.1"}) == "192.0.2.1");
  CHECK(client(proxies, "10.0.0.1", {"X-Forwarded-For: 6.6.6.6, 192.0.2.1"}) == "192.0.2.1");
  CHECK(client(proxies, "10.0.0.1", {"X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.0.0.2"}) == "192.0.2.1");
  CHECK(client(proxies, "10.0.0.1",
               {"X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 10.1.1.1"}) ==
        "192.0.2.1");
  CHECK(client(proxies, "2001:db8:1::1", {"X-Forwarded-For: 2001:db8:2::1"}) == "2001:db8:2::1");
  // All are trusted: the farthest one is the client.
  CHECK(client(proxies, "10.0.0.1", {"X-Forwarded-For: 10.3.3.3, 10.2.2.2"}) == "10.3.3.3");
  // No header: the proxy itself.
  CHECK(client(proxies, "10.0.0.1", {}) == "10.0.0.1");
}

TEST_CASE("client: headers from an untrusted address are ignored") {
  const auto proxies = trusting("X-Forwarded-For");
  CHECK(client(proxies, "198.51.100.1", {"X-Forwarded-For: 192.0.2.1"}) == "198.51.100.1");
  CHECK(client(proxies, "10.0.0.1", {"Forwarded: for=6.6.6.6", "X-Real-IP: 6.6.6.6"}) == "10.0.0.1");
  CHECK(client({}, "10.0.0.1", {"X-Forwarded-For: 192.0.2.1"}) == "10.0.0.1");
  CHECK(client(trusting(""), "10.0.0.1", {"X-Forwarded-For: 192.0.2.1"}) == "10.0.0.1");
}

TEST_CASE("client: an invalid address from a trusted proxy makes the client unknown, never another one") {
  const auto proxies = trusting("X-Forwarded-For");
  for (const char* value :
       {"unknown", "", "6.6.6.6,", "6.6.6.6, unknown", "6.6.6.6, unknown, 10.0.0.2", "localhost"}) {
    CAPTURE(value);
    CHECK(client(proxies, "10.0.0.1", {std::string("X-Forwarded-For: ") + value}) == "?");
  }
  CHECK(client(trusting("Forwarded"), "10.0.0.1", {"Forwarded: for=6.6.6.6;x=\", for=192.0.2.1"}) == "?");
}

TEST_CASE("client: Forwarded, and a header of another name") {
  CHECK(client(trusting("Forwarded"), "10.0.0.1",
               {"Forwarded: for=6.6.6.6, for=\"[2001:db8:2::1]:99\";proto=https"}) == "2001:db8:2::1");
  CHECK(client(trusting("forwarded"), "10.0.0.1", {"Forwarded: for=192.0.2.1:4711, for=10.0.0.9"}) ==
        "192.0.2.1");
  CHECK(client(trusting("CF-Connecting-IP"), "10.0.0.1",
               {"X-Forwarded-For: 6.6.6.6", "cf-connecting-ip: 192.0.2.1"}) == "192.0.2.1");
}
