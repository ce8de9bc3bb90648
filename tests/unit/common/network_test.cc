#include "common/network.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <vector>

#include "common/prng.h"

using namespace shoal::common;

namespace {

NetworkSet set_of(std::initializer_list<const char*> texts) {
  std::vector<Network> networks;
  for (const char* text : texts) {
    REQUIRE(parse_network(text));
    networks.push_back(*parse_network(text));
  }
  return NetworkSet(networks);
}

bool contains(const NetworkSet& set, const char* address) { return set.contains(*parse_address(address)); }

}  // namespace

TEST_CASE("network: parses and prints") {
  for (const char* text : {"0.0.0.0/0", "192.0.2.0/24", "192.0.2.128/25", "192.0.2.1/32", "::/0",
                           "2001:db8::/32", "2001:db8:0:0:8000::/65", "::1/128"}) {
    CAPTURE(text);
    const auto network = parse_network(text);
    REQUIRE(network);
    CHECK(to_string(*network) == text);
  }
  CHECK(to_string(*parse_network("192.0.2.1")) == "192.0.2.1/32");
  CHECK(to_string(*parse_network("::1")) == "::1/128");
}

TEST_CASE("network: invalid text is refused") {
  for (const char* text :
       {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/ 8",
        "10.0.0.0/8/8", "10.0.0.1/8", "192.0.2.129/25", "10.0.0/8", "2001:db8::/129", "2001:db8::1/64",
        "[::1]/128", "::1%lo", "localhost", "10.0.0.0/99999999999999999999"}) {
    CAPTURE(text);
    CHECK(!parse_network(text));
  }
}

TEST_CASE("network set: edges, nesting and families") {
  const NetworkSet set = set_of({"192.0.2.0/24", "192.0.2.64/26", "10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/9",
                                 "2001:db8::/33", "203.0.113.7"});
  for (const char* inside : {"192.0.2.0", "192.0.2.255", "192.0.2.200", "10.0.0.0", "10.255.255.255",
                             "2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", "203.0.113.7"}) {
    CAPTURE(inside);
    CHECK(contains(set, inside));
  }
  for (const char* outside : {"192.0.1.255", "192.0.3.0", "9.255.255.255", "11.0.0.0", "0.0.0.0",
                              "255.255.255.255", "2001:db8:8000::", "2001:db7:ffff::", "::", "203.0.113.8"}) {
    CAPTURE(outside);
    CHECK(!contains(set, outside));
  }
  CHECK(contains(set_of({"0.0.0.0/0"}), "255.255.255.255"));
  CHECK(!contains(set_of({"0.0.0.0/0"}), "::1"));
  CHECK(contains(set_of({"::/0"}), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
  CHECK(NetworkSet().empty());
  CHECK(!contains(NetworkSet(), "10.0.0.1"));
}

TEST_CASE("network set: agrees with a linear search") {
  Prng prng(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<Network> networks;
    for (uint64_t i = prng.below(12); i > 0; --i) {
      // Few distinct bits, so that networks nest and touch.
      const auto prefix = static_cast<uint8_t>(prng.below(9));
      const auto byte = static_cast<uint32_t>(prng.below(256) & (0xff00 >> prefix) & 0xff);
      networks.push_back({make_endpoint_v4(byte << 24, 0), prefix});
    }
    const NetworkSet set(networks);
    for (uint32_t byte = 0; byte < 256; ++byte) {
      bool expected = false;
      for (const Network& network : networks) {
        const uint32_t mask = (0xff00U >> network.prefix) & 0xff;
        expected |= (byte & mask) == network.address.address[0];
      }
      REQUIRE(set.contains(make_endpoint_v4(byte << 24 | 0x00fffffe, 1)) == expected);
    }
  }
}

TEST_CASE("private addresses") {
  for (const char* text :
       {"127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.1.1", "100.64.0.1",
        "100.127.255.255", "0.1.2.3", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1",
        "fdff::1", "ff02::1", "::ffff:10.0.0.1"}) {
    CAPTURE(text);
    CHECK(is_private(*parse_address(text)));
  }
  for (const char* text :
       {"8.8.8.8", "172.32.0.1", "172.15.255.255", "100.63.255.255", "100.128.0.0", "192.167.255.255",
        "223.255.255.255", "2001:db8::1", "::2", "fe00::1", "fec0::1"}) {
    CAPTURE(text);
    CHECK(!is_private(*parse_address(text)));
  }
}
