// The program of XDP beside a kernel and a UdpServer: see tests/xdp/comparison.h. Skipped where BPF or
// network namespaces are not permitted, or where it was not built; the first test says why.

#include "node/xdp/shield.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "node/xdp/shield_slots.h"
#include "tests/xdp/comparison.h"
#include "tests/xdp/new_network.h"

using namespace shoal;
using test::Comparison;

namespace {

const std::string& impossible() {
  static const std::string kWhy = Comparison::why_impossible();
  return kWhy;
}

}  // namespace

TEST_CASE("shield: why it cannot be compared with the sockets here" * doctest::skip(impossible().empty())) {
  MESSAGE("skipped: the shield's comparison with the sockets: " << impossible());
}

TEST_CASE("shield: answers and drops what the sockets do" * doctest::skip(!impossible().empty())) {
  static const auto both = Comparison::open();
  REQUIRE_MESSAGE(both.has_value(), (both ? "" : both.error().message));
  for (const Comparison::Group& group : Comparison::groups()) {
    SUBCASE(group.name) {
      const Comparison::Report report = (*both)->run(group);
      for (const std::string& failure : report.failures) MESSAGE(failure);
      CHECK(report.failed == 0);
      CHECK(report.passed > 0);
    }
  }
}

TEST_CASE("shield: attaches to the loopback device, says what holds, and is gone afterwards" *
          doctest::skip(!impossible().empty())) {
  const test::NewNetwork network;
  REQUIRE(network.is_new());
  auto shield = node::Shield::load({1});
  REQUIRE(shield.has_value());
  const auto unknown = (*shield)->attach("shoal-none", node::ShieldMode::automatic);
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().message == "no such interface");
  const auto native = (*shield)->attach("lo", node::ShieldMode::native);
  REQUIRE_FALSE(native.has_value());
  CHECK(native.error().message.find("refuses") != std::string::npos);
  const auto attached = (*shield)->attach("lo", node::ShieldMode::automatic);
  REQUIRE(attached.has_value());
  CHECK(attached->mode == node::ShieldMode::generic);
  CHECK(attached->note.starts_with("not native: "));
  CHECK((*shield)->is_attached("lo"));
  CHECK((*shield)->attached().size() == 1);

  auto other = node::Shield::load({2});
  REQUIRE(other.has_value());
  const auto second = (*other)->attach("lo", node::ShieldMode::automatic);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().message.find("another XDP program is there") != std::string::npos);

  shield->reset();  // as when the process ends: the kernel closes what it had open
  CHECK((*other)->attach("lo", node::ShieldMode::generic).has_value());
}

TEST_CASE("shield: each decision has a word of its own") {
  std::set<std::string> words;
  for (size_t i = 0; i < node::kShieldDecisions; ++i) {
    words.insert(std::string(node::to_string(static_cast<node::ShieldDecision>(i))));
  }
  CHECK(words.size() == node::kShieldDecisions);
  CHECK_FALSE(words.contains(""));
  node::ShieldCounts counts;
  counts.packets[SHIELD_CONNECT_ANSWERED] = 5;
  counts.packets[SHIELD_PASSED_ODD] = 7;
  counts.packets[SHIELD_DROPPED_TOO_SHORT] = 11;
  counts.packets[SHIELD_DROPPED_RATE_PREFIX] = 13;
  CHECK(counts.dropped() == 24);
  CHECK(counts.handled() == 29);
}

TEST_CASE("shield slots: as many addresses as there may be have one each") {
  for (uint32_t seed = 0; seed < 5; ++seed) {
    std::vector<common::Endpoint> endpoints;
    for (uint32_t i = 0; i < SHIELD_ADDRESSES_MAX; ++i) {
      endpoints.push_back(common::make_endpoint_v4(0x0a000001 + i * (seed * 251 + 1), 6969));
      common::Endpoint v6{common::Family::v6, {0x20, 0x01, 0x0d, 0xb8}, static_cast<uint16_t>(6969 + i % 2)};
      v6.address[7] = static_cast<uint8_t>(seed);
      v6.address[14] = static_cast<uint8_t>(i >> 4);
      v6.address[15] = static_cast<uint8_t>(i);
      endpoints.push_back(v6);
    }
    const uint64_t factor = node::factor_for(endpoints);
    REQUIRE(factor != 0);
    std::set<std::pair<common::Family, uint32_t>> slots;
    for (const common::Endpoint& each : endpoints) slots.emplace(each.family, node::slot_of(factor, each));
    CHECK(slots.size() == endpoints.size());
  }
  CHECK(node::factor_for({}) != 0);
}
