// Sampling gives every peer of a class the same chance: chi-square under fixed seeds.

#include <doctest/doctest.h>

#include <cmath>

#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using common::Endpoint;
using proto::PeerRole;

namespace {

constexpr common::Tick kNow = 118'000'000;

struct Shape {
  uint32_t seeders;
  uint32_t leechers;
  uint32_t stopped;
  uint32_t want;
  bool seeder_asks;
  bool v6 = false;
};

// The inverse of test::v4_peer and v6_peer.
uint32_t number_of(const Endpoint& peer) {
  const uint8_t* last = peer.address.data() + common::address_size(peer.family) - 3;
  return static_cast<uint32_t>(last[0]) << 16 | static_cast<uint32_t>(last[1]) << 8 | last[2];
}

// Sum over the peers of a class of (seen - expected)^2 / variance, where every one is expected `expected`
// times in `rounds` answers without repetition. Its mean is the number of peers if all chances are equal,
// however the picks of one answer depend on each other; runs of neighbours widen its spread.
double statistic(const std::vector<uint32_t>& seen, double expected, double rounds) {
  double sum = 0;
  for (const uint32_t count : seen) sum += (count - expected) * (count - expected);
  return sum / (expected * (1 - expected / rounds));
}

void check_uniform(const Shape& shape, int rounds) {
  CAPTURE(shape.seeders);
  CAPTURE(shape.leechers);
  CAPTURE(shape.want);
  CAPTURE(shape.v6);
  const auto store = test::make_store(true);
  common::Prng prng(42);
  const auto peer_of = [&](uint32_t number) {
    return shape.v6 ? test::v6_peer(number) : test::v4_peer(number);
  };
  const uint32_t all = shape.seeders + shape.leechers + shape.stopped;
  std::vector<PeerRole> roles(all);
  for (uint32_t i = 0; i < all; ++i) {
    roles[i] = i < shape.seeders                    ? PeerRole::seeder
               : i < shape.seeders + shape.leechers ? PeerRole::leecher
                                                    : PeerRole::stopped;
    test::announce(*store, {.hash = 1, .peer = peer_of(i), .seeder = roles[i] == PeerRole::seeder, .want = 0},
                   kNow);
    if (roles[i] == PeerRole::stopped) {
      test::announce(*store, {.hash = 1, .peer = peer_of(i), .event = proto::Event::stopped, .want = 0},
                     kNow);
    }
  }
  const uint32_t self = shape.seeder_asks ? 0 : shape.seeders;
  std::vector<uint32_t> count(all);
  for (int round = 0; round < rounds; ++round) {
    const test::Ask ask{.hash = 1, .peer = peer_of(self), .seeder = shape.seeder_asks, .want = shape.want};
    for (const Endpoint& peer : test::announce(*store, ask, kNow, prng).peers) ++count[number_of(peer)];
  }
  CHECK(count[self] == 0);

  std::vector<uint32_t> first;   // the class served first
  std::vector<uint32_t> second;  // seeders who fill up a seeder's answer
  for (uint32_t i = 0; i < all; ++i) {
    if (roles[i] == PeerRole::stopped) CHECK(count[i] == 0);
    if (i == self || roles[i] == PeerRole::stopped) continue;
    (shape.seeder_asks && roles[i] == PeerRole::seeder ? second : first).push_back(count[i]);
  }
  double left = shape.want;
  for (const auto& seen : {first, second}) {
    const auto size = static_cast<double>(seen.size());
    const double taken = std::min(left, size);
    left -= taken;
    if (taken == 0 || taken == size) {
      for (const uint32_t n : seen) CHECK(n == (taken == 0 ? 0 : rounds));
      continue;
    }
    CAPTURE(taken);
    const double value = statistic(seen, rounds * taken / size, rounds);
    CHECK(value < size + 6 * std::sqrt(2 * size * 4));
  }
}

}  // namespace

TEST_CASE("store sampling: equal chances in small swarms") {
  for (const bool v6 : {false, true}) {
    check_uniform({.seeders = 1, .leechers = 3, .stopped = 0, .want = 1, .seeder_asks = false, .v6 = v6},
                  20'000);
    check_uniform({.seeders = 4, .leechers = 3, .stopped = 2, .want = 2, .seeder_asks = true, .v6 = v6},
                  20'000);
    check_uniform({.seeders = 9, .leechers = 7, .stopped = 3, .want = 10, .seeder_asks = true, .v6 = v6},
                  20'000);
    check_uniform({.seeders = 16, .leechers = 16, .stopped = 0, .want = 30, .seeder_asks = false, .v6 = v6},
                  20'000);
    check_uniform({.seeders = 10, .leechers = 12, .stopped = 9, .want = 5, .seeder_asks = false, .v6 = v6},
                  20'000);
  }
}

TEST_CASE("store sampling: equal chances in swarms of some hundred") {
  for (const bool v6 : {false, true}) {
    check_uniform({.seeders = 225, .leechers = 75, .stopped = 0, .want = 30, .seeder_asks = false, .v6 = v6},
                  20'000);
    check_uniform({.seeders = 225, .leechers = 75, .stopped = 40, .want = 30, .seeder_asks = true, .v6 = v6},
                  20'000);
    check_uniform({.seeders = 200, .leechers = 20, .stopped = 0, .want = 50, .seeder_asks = true, .v6 = v6},
                  20'000);
    check_uniform({.seeders = 31, .leechers = 31, .stopped = 31, .want = 30, .seeder_asks = false, .v6 = v6},
                  20'000);
    check_uniform({.seeders = 1, .leechers = 201, .stopped = 0, .want = 200, .seeder_asks = false, .v6 = v6},
                  5'000);
  }
}

TEST_CASE("store sampling: equal chances in swarms of thousands") {
  check_uniform({.seeders = 3000, .leechers = 1500, .stopped = 200, .want = 30, .seeder_asks = false},
                40'000);
  check_uniform({.seeders = 100, .leechers = 2500, .stopped = 0, .want = 50, .seeder_asks = true}, 20'000);
  check_uniform({.seeders = 100, .leechers = 1500, .stopped = 0, .want = 700, .seeder_asks = true}, 2'000);
}

TEST_CASE("store sampling: no two peers always come together") {
  const auto store = test::make_store(true);
  common::Prng prng(7);
  for (uint32_t i = 0; i < 1000; ++i)
    test::announce(*store, {.hash = 1, .peer = test::v4_peer(i), .want = 0}, kNow);
  constexpr size_t kPeers = 1000;
  std::vector<int> together(kPeers * kPeers);
  for (int round = 0; round < 20'000; ++round) {
    const auto peers =
        test::announce(*store, {.hash = 1, .peer = test::v4_peer(0), .want = 30}, kNow, prng).peers;
    for (const Endpoint& a : peers) {
      for (const Endpoint& b : peers) ++together[number_of(a) * kPeers + number_of(b)];
    }
  }
  int least_seen = 20'000;
  double most_bound = 0;
  for (size_t a = 1; a < kPeers; ++a) {
    const int seen = together[a * kPeers + a];
    least_seen = std::min(least_seen, seen);
    for (size_t b = 1; b < kPeers; ++b) {
      if (b != a) most_bound = std::max(most_bound, together[a * kPeers + b] / static_cast<double>(seen));
    }
  }
  // Each is seen about 600 times. Of runs of eight the next neighbour is in seven of eight.
  CHECK(least_seen > 450);
  CHECK(most_bound < 0.95);
}
