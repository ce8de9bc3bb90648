#include "node/limits/request_limiter.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

using namespace shoal;
using common::make_endpoint_v4;
using node::Limit;
using node::RateTable;

namespace {

constexpr uint64_t kSecondUs = 1'000'000;
constexpr uint64_t kNow = 1'000'000 * kSecondUs;  // the machine has been up for days

node::ClientPrefix client(uint32_t number) { return node::address_prefix(make_endpoint_v4(number, 1)); }

uint32_t taken(RateTable& table, uint32_t number, uint32_t per_s, uint64_t now_us, uint32_t requests) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < requests; ++i) count += table.charge(client(number), per_s, now_us) ? 1 : 0;
  return count;
}

common::Endpoint v6(const char* text) { return *common::parse_address(text); }

}  // namespace

TEST_CASE("rate table: a burst of ten seconds' worth, then the rate") {
  for (const uint32_t per_s : {1U, 7U, 100U}) {
    RateTable table({3});
    CHECK(taken(table, 1, per_s, kNow, 20 * per_s) == 10 * per_s);
    CHECK_FALSE(table.has_room(client(1), per_s, kNow));
    CHECK(taken(table, 1, per_s, kNow + kSecondUs + 10, 5 * per_s) == per_s);
    // Refused requests cost nothing: after a minute's flood the rate is as before.
    uint32_t over_a_minute = 0;
    for (uint64_t s = 2; s < 62; ++s) {
      over_a_minute += taken(table, 1, per_s, kNow + s * kSecondUs + 20, 5 * per_s);
    }
    CHECK(over_a_minute == 60 * per_s);
    CHECK(taken(table, 1, per_s, kNow + 1000 * kSecondUs, 20 * per_s) == 10 * per_s);
  }
}

TEST_CASE("rate table: one client's flood does not limit another") {
  RateTable table({3});
  taken(table, 1, 10, kNow, 1000);
  uint32_t others = 0;
  for (uint32_t number = 2; number < 1002; ++number) others += taken(table, number, 10, kNow, 1);
  CHECK(others >= 999);
  CHECK_FALSE(table.charge(client(1), 10, kNow));
}

TEST_CASE("rate table: a full table forgets the clients that asked least, and refuses none for it") {
  RateTable table({3});
  taken(table, 0, 10, kNow, 100);
  uint64_t refused = 0;
  for (uint32_t number = 1; number < 3 * RateTable::kClients; ++number) {
    refused += table.charge(client(number), 10, kNow) ? 0 : 1;
  }
  CHECK(refused < 100);  // those that share a slot with one over its limit
  CHECK_FALSE(table.has_room(client(0), 10, kNow));
}

TEST_CASE("rate table: several threads together get what one would") {
  RateTable table({3});
  std::atomic<uint32_t> count{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { count += taken(table, 1, 1000, kNow, 5000); });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(count == 10'000);
}

TEST_CASE("request limiter: off until it is set, and can be switched off again") {
  node::RequestLimiter limiter({3});
  CHECK_FALSE(limiter.on());
  CHECK(limiter.charge(make_endpoint_v4(1, 1), kNow) == Limit::none);
  limiter.set(1, 0);
  CHECK(limiter.on());
  for (int i = 0; i < 10; ++i) CHECK(limiter.charge(make_endpoint_v4(1, 1), kNow) == Limit::none);
  CHECK(limiter.check(make_endpoint_v4(1, 99), kNow) == Limit::requests_per_s_per_address);
  CHECK(limiter.charge(make_endpoint_v4(1, 99), kNow) == Limit::requests_per_s_per_address);
  CHECK(limiter.charge(make_endpoint_v4(2, 1), kNow) == Limit::none);
  limiter.set(0, 0);
  CHECK_FALSE(limiter.on());
  CHECK(limiter.charge(make_endpoint_v4(1, 1), kNow) == Limit::none);
}

TEST_CASE("request limiter: a client is an IPv4 address or a /64, a network a /24 or a /48") {
  node::RequestLimiter limiter({3});
  const auto use_up = [&](const common::Endpoint& one) {
    for (int i = 0; i < 10; ++i) limiter.charge(one, kNow);
  };
  SUBCASE("addresses") {
    limiter.set(1, 0);
    use_up(v6("2001:db8:1:2::1"));
    CHECK(limiter.charge(v6("2001:db8:1:2:ffff::9"), kNow) == Limit::requests_per_s_per_address);
    CHECK(limiter.charge(v6("2001:db8:1:3::1"), kNow) == Limit::none);
    use_up(make_endpoint_v4(0xc0000201, 1));
    CHECK(limiter.charge(make_endpoint_v4(0xc0000201, 2), kNow) == Limit::requests_per_s_per_address);
    CHECK(limiter.charge(make_endpoint_v4(0xc0000202, 1), kNow) == Limit::none);
  }
  SUBCASE("networks") {
    limiter.set(0, 1);
    use_up(v6("2001:db8:1:2::1"));
    CHECK(limiter.charge(v6("2001:db8:1:3::1"), kNow) == Limit::requests_per_s_per_prefix);
    CHECK(limiter.charge(v6("2001:db8:2::1"), kNow) == Limit::none);
    use_up(make_endpoint_v4(0xc0000201, 1));
    CHECK(limiter.charge(make_endpoint_v4(0xc00002ff, 1), kNow) == Limit::requests_per_s_per_prefix);
    CHECK(limiter.charge(make_endpoint_v4(0xc0000301, 1), kNow) == Limit::none);
  }
  SUBCASE("one flooding client does not use up its network's share") {
    limiter.set(1, 2);
    for (int i = 0; i < 1000; ++i) limiter.charge(make_endpoint_v4(0xc0000201, 1), kNow);
    use_up(make_endpoint_v4(0xc0000202, 1));
    CHECK(limiter.charge(make_endpoint_v4(0xc0000203, 1), kNow) == Limit::requests_per_s_per_prefix);
    CHECK(limiter.charge(make_endpoint_v4(0xc0000201, 1), kNow) == Limit::requests_per_s_per_address);
  }
}
