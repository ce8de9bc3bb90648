#include "node/limits/address_connections.h"

#include <doctest/doctest.h>

using namespace shoal;
using Entry = node::AddressConnections::Entry;

TEST_CASE("address connections: each client gets its limit, and a place back when a connection ends") {
  node::AddressConnections connections;
  const auto one = common::make_endpoint_v4(1, 1);
  CHECK(connections.enter(one) == Entry::uncounted);
  connections.set_max(2);
  CHECK(connections.enter(one) == Entry::counted);
  CHECK(connections.enter(common::make_endpoint_v4(1, 2)) == Entry::counted);
  CHECK(connections.enter(one) == Entry::refused);
  CHECK(connections.enter(common::make_endpoint_v4(2, 1)) == Entry::counted);
  connections.leave(one);
  CHECK(connections.enter(one) == Entry::counted);
  CHECK(connections.enter(one) == Entry::refused);
  // A lower limit closes nothing; the connections that end were counted.
  connections.set_max(1);
  connections.leave(one);
  CHECK(connections.enter(one) == Entry::refused);
  connections.leave(one);
  CHECK(connections.enter(one) == Entry::counted);
}

TEST_CASE("address connections: an IPv6 client is a /64") {
  node::AddressConnections connections;
  connections.set_max(1);
  CHECK(connections.enter(*common::parse_address("2001:db8::1")) == Entry::counted);
  CHECK(connections.enter(*common::parse_address("2001:db8::2")) == Entry::refused);
  CHECK(connections.enter(*common::parse_address("2001:db8:0:1::1")) == Entry::counted);
}
