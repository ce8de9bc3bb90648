#include "node/store/eviction.h"

#include <doctest/doctest.h>

#include "common/endpoint.h"
#include "node/store/peer_record.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using node::Eviction;
using node::SwarmFacts;

namespace {

uint64_t address(uint32_t ip) { return uint64_t{0xffff} << 48 | uint64_t{ip} << 16; }

SwarmFacts lonely(uint32_t ip, uint32_t renewals = 0) {
  SwarmFacts facts{.live = true, .renewals = renewals};
  facts.add_address(address(ip));
  return facts;
}

SwarmFacts of(std::initializer_list<uint32_t> ips) {
  SwarmFacts facts{.live = true};
  for (const uint32_t ip : ips) facts.add_address(address(ip));
  return facts;
}

std::vector<size_t> chosen(const std::vector<SwarmFacts>& drawn) {
  std::vector<size_t> gone;
  Eviction::choose(drawn, true, gone);
  return gone;
}

}  // namespace

TEST_CASE("eviction: swarms without live peers go first, then lonely newcomers, a few at a time") {
  SwarmFacts stopped = lonely(0x0a000001);
  stopped.live = false;
  CHECK(chosen({}).empty());
  CHECK(chosen({of({0x01000000, 0x02000000}), stopped}) == std::vector<size_t>{1});
  std::vector<SwarmFacts> drawn;
  for (uint32_t i = 0; i < 16; ++i) drawn.push_back(lonely(i << 24));
  CHECK(chosen(drawn) == std::vector<size_t>{0, 1, 2});
  drawn[5] = stopped;
  CHECK(chosen(drawn) == std::vector<size_t>{5, 0, 1});
  std::vector<size_t> gone;
  Eviction::choose(drawn, false, gone);
  CHECK(gone == std::vector<size_t>{5});
  drawn.assign(16, stopped);
  CHECK(chosen(drawn).size() == Eviction::kGone);
}

TEST_CASE("eviction: swarms of two addresses and long-seeded ones stay") {
  CHECK(chosen({of({1U << 24, 2U << 24}), of({3U << 24, 4U << 24, 5U << 24}),
                lonely(6U << 24, Eviction::kSettled)})
            .empty());
  CHECK(chosen({lonely(6U << 24, Eviction::kSettled - 1)}).size() == 1);
}

TEST_CASE("eviction: whoever fills the store is found out, and nobody else pays") {
  std::vector<SwarmFacts> drawn;
  for (uint32_t i = 0; i < 5; ++i) drawn.push_back(lonely(0xc0000201));                   // one address
  for (uint32_t i = 0; i < 4; ++i) drawn.push_back(lonely((i + 1) << 24));                // honest newcomers
  for (uint32_t i = 0; i < 4; ++i) drawn.push_back(of({(i + 9) << 24, (i + 17) << 24}));  // honest swarms
  CHECK(chosen(drawn) == std::vector<size_t>{0, 1, 2});
  SUBCASE("also if it seeds for long") {
    for (size_t i = 0; i < 5; ++i) drawn[i].renewals = 15;
    CHECK(chosen(drawn) == std::vector<size_t>{0, 1, 2});
  }
  SUBCASE("also with many addresses of one network") {
    for (uint32_t i = 0; i < 5; ++i) drawn[i] = lonely(0xc0000200 + i);
    CHECK(chosen(drawn) == std::vector<size_t>{0, 1, 2});
  }
  SUBCASE("also with two addresses in each swarm") {
    for (size_t i = 0; i < 5; ++i) drawn[i] = of({0xc0000201, 0xc0000202});
    CHECK(chosen(drawn) == std::vector<size_t>{0, 1, 2});
  }
  SUBCASE("but a swarm that somebody else joined stays") {
    drawn[0] = of({0xc0000201, 1U << 24});
    CHECK(chosen(drawn) == std::vector<size_t>{1, 2, 3});
  }
}

TEST_CASE("eviction: an address is an IPv4 address or an IPv6 /64, a network a /24 or a /48") {
  using node::eviction_address;
  using node::eviction_network;
  const auto v6 = [](const char* text) {
    const auto address = common::parse_address(text);
    return eviction_address(node::key_of<common::Family::v6>({common::Family::v6, address->address, 1}));
  };
  const auto v4 = [](uint32_t ip) {
    return eviction_address(node::key_of<common::Family::v4>(common::make_endpoint_v4(ip, 1)));
  };
  CHECK(v4(0xc0000201) == address(0xc0000201));
  CHECK(v4(0xc0000201) != v4(0xc0000202));
  CHECK(eviction_network(v4(0xc0000201)) == eviction_network(v4(0xc0000202)));
  CHECK(eviction_network(v4(0xc0000201)) != eviction_network(v4(0xc0000301)));
  CHECK(v6("2001:db8::1") == v6("2001:db8::2"));
  CHECK(v6("2001:db8::1") != v6("2001:db8:0:1::1"));
  CHECK(eviction_network(v6("2001:db8::1")) == eviction_network(v6("2001:db8:0:1::1")));
  CHECK(eviction_network(v6("2001:db8::1")) != eviction_network(v6("2001:db8:1::1")));
}
