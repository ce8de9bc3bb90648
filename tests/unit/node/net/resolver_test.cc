#include "node/net/resolver.h"

#include <doctest/doctest.h>

using namespace shoal;
using namespace shoal::node;

namespace {

using Addresses = std::vector<common::Endpoint>;

// What the resolver tells, in order, until `enough` of it has come; its loop ends there.
std::vector<Addresses> told(common::Family family, const std::vector<HostPort>& peers, size_t enough) {
  uv_loop_t loop;
  REQUIRE(uv_loop_init(&loop) == 0);
  std::vector<Addresses> all;
  Resolver* stopped = nullptr;
  Resolver resolver(&loop, family, peers, [&](Addresses addresses) {
    all.push_back(std::move(addresses));
    if (all.size() == enough && stopped != nullptr) stopped->stop();
  });
  stopped = &resolver;
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&loop) == 0);
  return all;
}

const common::Endpoint kV4 = *common::parse_endpoint("192.0.2.1:6970");
const common::Endpoint kV6 = *common::parse_endpoint("[2001:db8::1]:6970");

}  // namespace

TEST_CASE("resolver: addresses are told before any name is looked up") {
  const auto all = told(common::Family::v4, {{"no-such-host.invalid", 6970}, {"192.0.2.1", 6970}}, 2);
  REQUIRE(all.size() == 2);
  CHECK(all[0] == Addresses{kV4});
  CHECK(all[1] == Addresses{kV4});  // the name has failed
}

TEST_CASE("resolver: a name that fails is looked up again soon") {
  const uint64_t before_ns = uv_hrtime();
  CHECK(told(common::Family::v4, {{"no-such-host.invalid", 6970}}, 4).size() == 4);
  CHECK(uv_hrtime() - before_ns < 50'000'000'000);  // not a minute each
}

TEST_CASE("resolver: only addresses that the socket can send to") {
  const std::vector<HostPort> peers = {{"192.0.2.1", 6970}, {"2001:db8::1", 6970}};
  CHECK(told(common::Family::v4, peers, 1) == std::vector<Addresses>{{kV4}});
  CHECK(told(common::Family::v6, peers, 1) == std::vector<Addresses>{{kV6}});
  const auto names = told(common::Family::v4, {{"localhost", 6970}}, 2);
  for (const common::Endpoint& address : names.back()) {
    CHECK(address.family == common::Family::v4);
  }
}

TEST_CASE("resolver: other peers while a retry waits are looked up once") {
  uv_loop_t loop;
  REQUIRE(uv_loop_init(&loop) == 0);
  size_t told = 0;
  Resolver* one = nullptr;
  Resolver resolver(&loop, common::Family::v4, {{"192.0.2.1", 6970}}, [&](const Addresses& addresses) {
    ++told;
    if (told == 1) return;
    if (addresses == Addresses{kV4} && told < 4) return;
    one->stop();
  });
  one = &resolver;
  uv_run(&loop, UV_RUN_NOWAIT);  // its next round is a minute away
  CHECK(told == 1);
  resolver.set_peers({{"192.0.2.1", 6970}, {"no-such-host.invalid", 6970}});
  resolver.set_peers({{"no-such-host.invalid", 6970}});  // waits for the lookup that is under way
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(told >= 3);
  CHECK(uv_loop_close(&loop) == 0);
}
