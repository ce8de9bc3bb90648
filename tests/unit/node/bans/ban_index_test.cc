#include "node/bans/ban_index.h"

#include <doctest/doctest.h>

#include <vector>

namespace shoal::node {
namespace {

constexpr int64_t kNowMs = 1'800'000'000'000;

common::Endpoint at(const char* text) { return *common::parse_address(text); }

Ban ban_of(const char* text, int64_t ends_ms = kNowMs + 1000, bool dry = false) {
  return {address_prefix(at(text)), ends_ms, dry};
}

TEST_CASE("ban index: an address is banned until its end, and nobody else is") {
  const std::vector<Ban> bans = {ban_of("192.0.2.7"), ban_of("192.0.2.8", kNowMs + 1000, true),
                                 ban_of("2001:db8:1:2::5"), ban_of("::1")};
  const BanIndex index(bans, {1});
  using Verdict = BanIndex::Verdict;
  CHECK(index.judge(at("192.0.2.7"), kNowMs) == Verdict::banned);
  CHECK(index.judge(at("192.0.2.7"), kNowMs + 999) == Verdict::banned);
  CHECK(index.judge(at("192.0.2.7"), kNowMs + 1000) == Verdict::none);
  CHECK(index.judge(at("192.0.2.8"), kNowMs) == Verdict::dry);
  CHECK(index.judge(at("192.0.2.8"), kNowMs + 1000) == Verdict::none);
  CHECK(index.judge(at("192.0.2.6"), kNowMs) == Verdict::none);
  CHECK(index.judge(at("2001:db8:1:2:ffff::9"), kNowMs) == Verdict::banned);
  CHECK(index.judge(at("2001:db8:1:3::5"), kNowMs) == Verdict::none);
  CHECK(index.judge(at("::1"), kNowMs) == Verdict::banned);
  CHECK(index.judge(at("0.0.0.0"), kNowMs) == Verdict::none);
}

TEST_CASE("ban index: an IPv4 address and an IPv6 /64 of the same bytes are two clients") {
  const std::vector<Ban> bans = {ban_of("192.0.2.7")};
  const BanIndex index(bans, {1});
  CHECK(index.judge(at("c000:207:ffff:ffff::1"), kNowMs) == BanIndex::Verdict::none);
}

TEST_CASE("ban index: a hundred thousand, of both families") {
  std::vector<Ban> bans;
  bans.reserve(100'000);
  for (uint32_t i = 0; i < 50'000; ++i) {
    bans.push_back({address_prefix(common::make_endpoint_v4(0x0b000000 + i, 0)), kNowMs + 1, false});
    common::Endpoint v6{common::Family::v6, {0x20, 0x01, 0x0d, 0xb8}, 0};
    v6.address[6] = static_cast<uint8_t>(i >> 8);
    v6.address[7] = static_cast<uint8_t>(i);
    bans.push_back({address_prefix(v6), kNowMs + 1, false});
  }
  const BanIndex index(bans, {3});
  CHECK(index.bytes() <= size_t{5} << 20);
  size_t found = 0;
  size_t wrong = 0;
  for (uint32_t i = 0; i < 50'000; ++i) {
    const auto banned = [&](uint32_t address) {
      return index.judge(common::make_endpoint_v4(address, 1), kNowMs) == BanIndex::Verdict::banned;
    };
    found += banned(0x0b000000 + i) ? 1 : 0;
    wrong += banned(0x0c000000 + i) ? 1 : 0;
  }
  CHECK(found == 50'000);
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace shoal::node
