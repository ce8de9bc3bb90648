#include "node/net/resolver.h"

#include <doctest/doctest.h>

#include "node/os/monotonic.h"

using namespace shoal;
using namespace shoal::node;

namespace {

using Addresses = std::vector<common::Endpoint>;

Addresses addresses_of(const std::vector<ResolvedPeer>& peers) {
  Addresses all;
  for (const ResolvedPeer& peer : peers) all.insert(all.end(), peer.addresses.begin(), peer.addresses.end());
  return all;
}

// The first `enough` lists that the resolver reports, in order; then its loop ends.
std::vector<Addresses> reported(common::Family family, const std::vector<HostPort>& peers, size_t enough) {
  uv_loop_t loop;
  REQUIRE(uv_loop_init(&loop) == 0);
  std::vector<Addresses> all;
  Resolver* stopped = nullptr;
  Resolver resolver(&loop, family, peers, [&](const std::vector<ResolvedPeer>& resolved) {
    all.push_back(addresses_of(resolved));
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

TEST_CASE("resolver: addresses are reported before any name is looked up") {
  const auto all = reported(common::Family::v4, {{"no-such-host.invalid", 6970}, {"192.0.2.1", 6970}}, 2);
  REQUIRE(all.size() == 2);
  CHECK(all[0] == Addresses{kV4});
  CHECK(all[1] == Addresses{kV4});  // the name did not resolve
}

TEST_CASE("resolver: a name that fails is looked up again soon") {
  const int64_t before_ms = monotonic_ms();
  CHECK(reported(common::Family::v4, {{"no-such-host.invalid", 6970}}, 4).size() == 4);
  CHECK(monotonic_ms() - before_ms < 50'000);  // not a minute each
}

TEST_CASE("resolver: only addresses that the socket can send to") {
  const std::vector<HostPort> peers = {{"192.0.2.1", 6970}, {"2001:db8::1", 6970}};
  CHECK(reported(common::Family::v4, peers, 1) == std::vector<Addresses>{{kV4}});
  CHECK(reported(common::Family::v6, peers, 1) == std::vector<Addresses>{{kV6}});
  const auto names = reported(common::Family::v4, {{"localhost", 6970}}, 2);
  for (const common::Endpoint& address : names.back()) {
    CHECK(address.family == common::Family::v4);
  }
}

TEST_CASE("resolver: peers set while a retry waits are looked up once") {
  uv_loop_t loop;
  REQUIRE(uv_loop_init(&loop) == 0);
  size_t reports = 0;
  Resolver* one = nullptr;
  Resolver resolver(&loop, common::Family::v4, {{"192.0.2.1", 6970}},
                    [&](const std::vector<ResolvedPeer>& resolved) {
                      ++reports;
                      if (reports == 1) return;
                      if (addresses_of(resolved) == Addresses{kV4} && reports < 4) return;
                      one->stop();
                    });
  one = &resolver;
  uv_run(&loop, UV_RUN_NOWAIT);  // its next round is a minute away
  CHECK(reports == 1);
  resolver.set_peers({{"192.0.2.1", 6970}, {"no-such-host.invalid", 6970}});
  resolver.set_peers({{"no-such-host.invalid", 6970}});  // waits for the lookup that is under way
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(reports >= 3);
  CHECK(uv_loop_close(&loop) == 0);
}

TEST_CASE("resolver: a peer without an address is reported with the reason") {
  uv_loop_t loop;
  REQUIRE(uv_loop_init(&loop) == 0);
  const std::vector<HostPort> peers = {
      {"no-such-host.invalid", 6970}, {"2001:db8::1", 6970}, {"192.0.2.1", 6970}, {"192.0.2.1", 6970}};
  std::vector<std::vector<ResolvedPeer>> all;
  Resolver* one = nullptr;
  Resolver resolver(&loop, common::Family::v4, peers, [&](std::vector<ResolvedPeer> resolved) {
    all.push_back(std::move(resolved));
    if (all.size() == 2) one->stop();
  });
  one = &resolver;
  uv_run(&loop, UV_RUN_DEFAULT);
  REQUIRE(all.size() == 2);
  CHECK(all[0] == std::vector<ResolvedPeer>{{peers[0], {}, "is not resolved yet"},
                                            {peers[1], {}, "is no IPv4 address, as sync.listen is"},
                                            {peers[2], {kV4}, ""}});
  CHECK(all[1][0].trouble == "does not resolve to an IPv4 address");
  CHECK(uv_loop_close(&loop) == 0);
}
