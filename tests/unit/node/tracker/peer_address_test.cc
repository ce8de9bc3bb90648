#include "node/tracker/peer_address.h"

#include <doctest/doctest.h>

using namespace shoal;

namespace {

common::Endpoint address(const char* text) { return common::parse_address(text).value(); }

}  // namespace

TEST_CASE("peer address: what no other peer can connect to is none") {
  for (const char* text :
       {"0.0.0.0", "0.1.2.3", "169.254.0.1", "169.254.255.255", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255", "::", "::2", "::192.0.2.1", "fe80::1", "febf::1", "ff02::1", "ff0e::1"}) {
    CAPTURE(text);
    CHECK_FALSE(node::can_be_peer(address(text)));
  }
  for (const char* text :
       {"1.0.0.1", "10.0.0.1", "127.0.0.1", "169.253.0.1", "192.0.2.1", "223.255.255.255", "::ffff:192.0.2.1",
        "::1", "2001:db8::1", "64:ff9b::c000:201", "fc00::1", "fec0::1", "0:0:0:0:1::"}) {
    CAPTURE(text);
    CHECK(node::can_be_peer(address(text)));
  }
  CHECK_FALSE(node::can_be_peer(address("::ffff:224.0.0.1")));
}

TEST_CASE("peer address: loopback") {
  for (const char* text : {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"}) {
    CAPTURE(text);
    CHECK(node::is_loopback(address(text)));
  }
  for (const char* text : {"126.0.0.1", "128.0.0.1", "::", "::2", "1::1", "7f00::", "7f00::1"}) {
    CAPTURE(text);
    CHECK_FALSE(node::is_loopback(address(text)));
  }
}
