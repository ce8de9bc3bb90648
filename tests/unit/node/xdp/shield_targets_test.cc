#include "node/xdp/shield_targets.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>

using namespace shoal;
using node::shield_targets;

namespace {

using Texts = std::vector<std::string>;

Texts targets(std::initializer_list<const char*> listened, std::initializer_list<const char*> own) {
  std::vector<common::Endpoint> endpoints;
  for (const char* text : listened) endpoints.push_back(*common::parse_endpoint(text));
  std::vector<common::Endpoint> addresses;
  for (const char* text : own) addresses.push_back(*common::parse_address(text));
  Texts out;
  for (const auto& target : shield_targets(endpoints, addresses)) out.push_back(common::to_string(target));
  return out;
}

}  // namespace

TEST_CASE("shield targets: a wildcard address stands for all own ones of its family") {
  CHECK(targets({"0.0.0.0:6969"}, {"192.0.2.1", "192.0.2.2", "2001:db8::1"}) ==
        Texts{"192.0.2.1:6969", "192.0.2.2:6969"});
  CHECK(targets({"[::]:6969"}, {"192.0.2.1", "2001:db8::1"}) == Texts{"[2001:db8::1]:6969"});
}

TEST_CASE("shield targets: an address that is not this machine's is none") {
  CHECK(targets({"192.0.2.1:6969", "192.0.2.9:6969"}, {"192.0.2.1"}) == Texts{"192.0.2.1:6969"});
  CHECK(targets({"192.0.2.1:6969"}, {}).empty());
  CHECK(targets({}, {"192.0.2.1"}).empty());
  // Loopback is never on a wire: it is not among the own addresses.
  CHECK(targets({"127.0.0.1:6969"}, {"192.0.2.1"}).empty());
}

TEST_CASE("shield targets: each port of its own, each pair once") {
  CHECK(targets({"0.0.0.0:6969", "192.0.2.1:80", "192.0.2.1:6969", "0.0.0.0:80"}, {"192.0.2.1"}) ==
        Texts{"192.0.2.1:80", "192.0.2.1:6969"});
}
