#include "node/admin/admin_host.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

using namespace shoal::node;

namespace {

const std::array<std::string, 2> kNames = {"shoal.example.org", "Stats.example.org"};

bool allows(std::string_view host) { return is_admin_host(host, kNames, "node-A"); }

}  // namespace

TEST_CASE("admin host: addresses, localhost, the node's name and configured names") {
  for (const std::string_view host :
       {"127.0.0.1", "127.0.0.1:9697", "10.1.2.3", "[::1]", "[::1]:9697", "[2001:db8::1]:80", "localhost",
        "LOCALHOST:9697", "localhost.", "localhost.:80", "node-a", "NODE-A:9697", "shoal.example.org",
        "shoal.EXAMPLE.org:443", "stats.example.org", ""}) {
    CAPTURE(host);
    CHECK(allows(host));
  }
}

TEST_CASE("admin host: no other name, however it looks") {
  for (const std::string_view host : {"evil.example",
                                      "evil.example:9697",
                                      "localhost.evil.example",
                                      "127.0.0.1.evil.example",
                                      "127.0.0.1x",
                                      "127.1",
                                      "0x7f000001",
                                      "2130706433",
                                      "[evil.example]",
                                      "[::1].evil.example",
                                      "[::1",
                                      "[127.0.0.1]",
                                      "[]",
                                      "::1",
                                      "xshoal.example.org",
                                      "a.shoal.example.org",
                                      "example.org",
                                      "node-a.evil.example",
                                      ".",
                                      ":9697",
                                      "..",
                                      "localhost..",
                                      "localhost:x",
                                      "[::1]x",
                                      "[::1]:8x",
                                      "localhost:80:evil"}) {
    CAPTURE(host);
    CHECK(!allows(host));
  }
}
