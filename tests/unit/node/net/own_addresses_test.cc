#include "node/net/own_addresses.h"

#include <doctest/doctest.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <uv.h>

#include <algorithm>

#include "node/net/socket_address.h"

using namespace shoal;
using node::OwnAddresses;

TEST_CASE("own addresses: what the kernel says are those of the machine's interfaces") {
  uv_loop_t loop;
  REQUIRE(uv_loop_init(&loop) == 0);
  auto socket = OwnAddresses::open();
  REQUIRE(socket);
  int calls = 0;
  {
    OwnAddresses own(&loop, std::move(*socket), [&] {
      ++calls;
      uv_stop(&loop);
    });
    CHECK(own.addresses().own.empty());
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(calls == 1);
    CHECK(own.addresses().left_out == 0);
    ifaddrs* all = nullptr;
    REQUIRE(getifaddrs(&all) == 0);
    for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
      if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
      common::Endpoint address = node::from_sockaddr(one->ifa_addr);
      address.port = 0;
      const bool loopback = address.address[0] == 127;
      CHECK(std::count(own.addresses().own.begin(), own.addresses().own.end(), address) ==
            (loopback ? 0 : 1));
    }
    freeifaddrs(all);
    CHECK(std::is_sorted(own.addresses().own.begin(), own.addresses().own.end()));
    own.close();
  }
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&loop) == 0);
}
