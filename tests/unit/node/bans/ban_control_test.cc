#include "node/bans/ban_control.h"

#include <doctest/doctest.h>

#include <vector>

#include "node/config/resolve_options.h"
#include "node/os/monotonic.h"

namespace shoal::node {
namespace {

constexpr int64_t kBeginMs = 1'800'000'000'000;

common::Endpoint client_at(const char* text) { return *common::parse_address(text); }

// A node's bans without the node: what would go to the workers and to the others is kept.
struct Bans {
  explicit Bans(BanMode mode) {
    options.bans.mode = mode;
    options.bans.malformed = 2;
    options.bans.exempt = {*common::parse_network("198.51.100.0/24"),
                           *common::parse_network("2001:db8:5::7/128")};
    REQUIRE(uv_loop_init(&loop) == 0);
    control = std::make_unique<BanControl>(
        &loop, options, 1, common::SipKey{5},
        BanControl::Hooks{.publish = [this](auto next) { index = std::move(next); },
                          .send =
                              [this](std::span<const proto::BanChange> changes) {
                                sent.insert(sent.end(), changes.begin(), changes.end());
                              },
                          .send_forgotten = [this](const auto&) { ++forgotten; },
                          .unix_ms = [this] { return now_ms; }});
    control->on_change([this](const Ban& ban) { changes.push_back(ban); });
  }
  ~Bans() {
    control->stop();
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
  }

  // Three malformed requests are one too many.
  void offend(const common::Endpoint& client) {
    for (int i = 0; i < 3; ++i) {
      control->watch()->charge(client, proto::Offence::malformed, static_cast<uint64_t>(monotonic_us()));
    }
  }

  // Until what was asked for has been published.
  void settle() {
    const int64_t until_ms = monotonic_ms() + 20;
    while (monotonic_ms() < until_ms) uv_run(&loop, UV_RUN_NOWAIT);
  }

  BanIndex::Verdict verdict(const common::Endpoint& client) const {
    return index == nullptr ? BanIndex::Verdict::none : index->judge(client, now_ms);
  }

  Options options = default_options();
  int64_t now_ms = kBeginMs;
  uv_loop_t loop{};
  std::shared_ptr<const BanIndex> index;
  std::vector<proto::BanChange> sent;
  std::vector<Ban> changes;
  int forgotten = 0;
  std::unique_ptr<BanControl> control;
};

using Verdict = BanIndex::Verdict;

TEST_CASE("ban control: a ban ends by itself, and each further one is longer, up to the longest") {
  Bans bans(BanMode::on);
  const auto client = client_at("192.0.2.7");
  for (const uint32_t expected_s : {60U, 600U, 3'600U, 86'400U, 86'400U}) {
    CAPTURE(expected_s);
    CHECK(bans.control->explain(client).next_s == expected_s);
    bans.offend(client);
    bans.offend(client);  // counts for nothing while it is banned
    bans.settle();
    CHECK(bans.verdict(client) == Verdict::banned);
    CHECK(bans.verdict(client_at("192.0.2.8")) == Verdict::none);
    CHECK(bans.sent.back().term.duration_s == expected_s);
    bans.now_ms += int64_t{expected_s} * 1000;
    CHECK(bans.verdict(client) == Verdict::none);
  }
  CHECK(bans.sent.size() == 5);
  // A day after the end of the last it starts anew.
  bans.now_ms += 24 * 3'600'000 + 10'000;
  bans.control->log().expire(bans.now_ms);
  CHECK(bans.control->explain(client).next_s == 60);
}

TEST_CASE("ban control: mode log bans nobody, tells nobody and shows what it would do") {
  Bans bans(BanMode::log);
  const auto client = client_at("2001:db8:1:2::5");
  bans.offend(client);
  bans.settle();
  CHECK(bans.verdict(client_at("2001:db8:1:2::9")) == Verdict::dry);
  CHECK(bans.sent.empty());
  CHECK(bans.changes.empty());
  const BanStatus status = bans.control->status();
  CHECK(status.in_force == 0);
  CHECK(status.dry == 1);
  CHECK(status.made_dry[static_cast<size_t>(proto::Offence::malformed)] == 1);
  // What other nodes have banned would be in force; what an operator bans is.
  bans.control->log().merge(
      {address_prefix(client_at("192.0.2.1")), {60, proto::Offence::ports, 0, false}, {bans.now_ms, 2}},
      bans.now_ms);
  CHECK(bans.control->ban(client, 60).has_value());
  bans.settle();
  CHECK(bans.verdict(client_at("192.0.2.1")) == Verdict::dry);
  CHECK(bans.verdict(client) == Verdict::banned);
  CHECK(bans.sent.size() == 1);
}

TEST_CASE("ban control: exempt networks and proxies are never banned, not by other nodes either") {
  Bans bans(BanMode::on);
  bans.offend(client_at("198.51.100.7"));
  bans.offend(client_at("2001:db8:5::9"));  // in the /64 of an exempt address
  bans.control->log().merge(
      {address_prefix(client_at("198.51.100.8")), {60, proto::Offence::ports, 0, false}, {bans.now_ms, 2}},
      bans.now_ms);
  bans.control->changed();
  bans.settle();
  CHECK(bans.index == nullptr);
  CHECK(bans.control->status().spared == 2);
  CHECK(!bans.control->ban(client_at("198.51.100.7"), 60));
  bans.options.access.trusted_proxies = {*common::parse_network("203.0.113.0/24")};
  bans.control->set(bans.options);
  bans.offend(client_at("203.0.113.1"));
  bans.settle();
  CHECK(bans.control->status().spared == 3);
}

TEST_CASE("ban control: bans by hand are lifted, forgotten, and told to whoever watches") {
  Bans bans(BanMode::on);
  const auto client = client_at("192.0.2.7");
  CHECK(!bans.control->lift(client));
  CHECK(bans.control->ban(client, 600).has_value());
  bans.settle();
  CHECK(bans.changes == std::vector{Ban{address_prefix(client), kBeginMs + 600'000, false}});
  bans.now_ms += 1000;
  CHECK(bans.control->lift(client).has_value());
  bans.settle();
  CHECK(bans.index == nullptr);
  CHECK(bans.changes.back() == Ban{address_prefix(client), 0, false});
  CHECK(bans.sent.back().term.lifted);
  CHECK(bans.sent.back().ends_ms() == kBeginMs + 600'000);
  bans.control->ban(client, 600);
  bans.settle();
  CHECK(bans.control->forget_origin(1) == 1);
  bans.settle();
  CHECK(bans.forgotten == 1);
  CHECK(bans.index == nullptr);
}

TEST_CASE("ban control: a node bans so many offenders a second, and off is off") {
  Bans bans(BanMode::on);
  for (uint32_t i = 0; i < 240; ++i) bans.offend(common::make_endpoint_v4(0x0b000000 + i, 0));
  bans.settle();
  CHECK(bans.sent.size() >= BanControl::kMadePerS);
  CHECK(bans.sent.size() < BanControl::kMadePerS + 30);
  CHECK(bans.control->status().dropped == 240 - bans.sent.size());
  bans.options.bans.mode = BanMode::off;
  bans.control->set(bans.options);
  bans.settle();
  CHECK(bans.control->watch() == nullptr);
  CHECK(bans.index == nullptr);
  CHECK(!bans.control->ban(client_at("192.0.2.7"), 60));
}

}  // namespace
}  // namespace shoal::node
