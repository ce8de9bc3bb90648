#include "common/web_address.h"

#include <doctest/doctest.h>

using namespace shoal::common;

TEST_CASE("web address: an endpoint and back") {
  const WebAddress address{0x0102030405060708, 0xfffefdfcfbfaf9f8};
  const Endpoint endpoint = to_endpoint(address);
  CHECK(endpoint.family == Family::web);
  CHECK(endpoint.port == kWebPort);
  CHECK(endpoint.address ==
        std::array<uint8_t, 16>{1, 2, 3, 4, 5, 6, 7, 8, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9, 0xf8});
  CHECK(endpoint.address_bytes().size() == 16);
  CHECK(compact_size(endpoint.family) == 18);
  CHECK(from_endpoint(endpoint) == address);
}

TEST_CASE("web address: other families and other ports are none") {
  Endpoint endpoint = to_endpoint({1, 2});
  endpoint.port = 2;
  CHECK(!from_endpoint(endpoint));
  endpoint.port = 0;
  CHECK(!from_endpoint(endpoint));
  endpoint = to_endpoint({1, 2});
  endpoint.family = Family::v6;
  CHECK(!from_endpoint(endpoint));
  CHECK(endpoint != to_endpoint({1, 2}));
  CHECK(!from_endpoint(make_endpoint_v4(0x7f000001, 1)));
}

TEST_CASE("web address: the text is for people, and no address") {
  const Endpoint endpoint = to_endpoint({0x0199a, web_connection(3, 0x2b)});
  CHECK(to_string(endpoint) == "web:000000000000199a/000300000000002b");
  CHECK(address_to_string(endpoint) == to_string(endpoint));
  CHECK(!parse_address(to_string(endpoint)));
  CHECK(!parse_endpoint(to_string(endpoint)));
}

TEST_CASE("web address: a connection names its worker") {
  CHECK(worker_of(web_connection(65535, 7)) == 65535);
  CHECK(worker_of(web_connection(2, UINT64_MAX)) == 2);
  CHECK(web_connection(2, UINT64_MAX) == 0x0002ffffffffffff);
}
