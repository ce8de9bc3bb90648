#include "node/tracker/peer_address.h"

#include <doctest/doctest.h>

#include <vector>

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
    CHECK(common::is_loopback(address(text)));
  }
  for (const char* text : {"126.0.0.1", "128.0.0.1", "::", "::2", "1::1", "7f00::", "7f00::1"}) {
    CAPTURE(text);
    CHECK_FALSE(common::is_loopback(address(text)));
  }
}

TEST_CASE("peer address: loopback peers are removed from compact ones") {
  std::vector<uint8_t> peers = {127, 0, 0, 1, 1, 2, 10,  127, 0, 1, 3, 4,
                                127, 9, 9, 9, 5, 6, 192, 0,   2, 1, 7, 8};
  const size_t left = node::remove_loopback(peers, common::Family::v4);
  peers.resize(left);
  CHECK(peers == std::vector<uint8_t>{10, 127, 0, 1, 3, 4, 192, 0, 2, 1, 7, 8});
  CHECK(node::remove_loopback(peers, common::Family::v4) == 12);
  CHECK(node::remove_loopback({}, common::Family::v4) == 0);

  std::vector<uint8_t> v6(3 * 18);
  v6[15] = 1;                      // ::1
  v6[18] = 0x20, v6[18 + 15] = 1;  // 2000::1
  v6[36 + 15] = 1;
  CHECK(node::remove_loopback(v6, common::Family::v6) == 18);
  CHECK(v6[0] == 0x20);
}
