#include "node/bans/ban_control.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "common/log.h"
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

  // Until what was asked for has been published, as soon as the machine lets the loop run: timers of a few
  // milliseconds are over after some turns.
  void settle() {
    for (int i = 0; i < 20; ++i) {
      uv_run(&loop, UV_RUN_NOWAIT);
      uv_sleep(1);
    }
  }

  // Until the tick of a second is over.
  void pass_tick() {
    const int64_t until_ms = monotonic_ms() + 1'050;
    while (monotonic_ms() < until_ms) {
      uv_run(&loop, UV_RUN_NOWAIT);
      uv_sleep(1);
    }
    settle();
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
  CHECK(bans.control->ban(client, 600));
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
  CHECK(bans.sent.size() < 240);
  CHECK(bans.control->status().dropped == 240 - bans.sent.size());
  bans.options.bans.mode = BanMode::off;
  bans.control->set(bans.options);
  bans.settle();
  CHECK(bans.control->watch() == nullptr);
  CHECK(bans.index == nullptr);
  CHECK(!bans.control->ban(client_at("192.0.2.7"), 60));
}

using Listed = std::vector<std::pair<proto::BanPrefix, bool>>;
Listed listed(const Bans& bans) {
  Listed out;
  bans.control->for_each_in_force(
      bans.now_ms, [&](const proto::BanChange& ban, bool dry) { out.emplace_back(ban.prefix, dry); });
  std::sort(out.begin(), out.end());
  return out;
}

TEST_CASE("ban control: workers, the list and the explanation agree on who is banned") {
  Bans bans(BanMode::log);
  const auto both = client_at("192.0.2.1");
  const auto other = client_at("192.0.2.2");
  const auto exempt = client_at("198.51.100.8");
  bans.offend(both);
  bans.settle();
  CHECK(listed(bans) == Listed{{address_prefix(both), true}});
  const auto merge = [&](const common::Endpoint& client) {
    const proto::BanChange ban{
        address_prefix(client), {600, proto::Offence::ports, 0, false}, {bans.now_ms, 2}};
    REQUIRE(bans.control->log().merge(ban, bans.now_ms) == sync::BanLog::Merged::news);
  };
  merge(both);
  merge(exempt);
  CHECK(bans.control->ban(other, 60).has_value());
  bans.settle();
  const auto agree = [&](const common::Endpoint& client, Verdict verdict) {
    CAPTURE(common::address_to_string(client));
    const auto list = listed(bans);
    const auto found = [&](bool dry) {
      return std::count(list.begin(), list.end(), std::pair(address_prefix(client), dry)) == 1;
    };
    CHECK(bans.verdict(client) == verdict);
    CHECK(bans.control->explain(client).banned == (verdict == Verdict::banned));
    CHECK(bans.control->explain(client).would_be == (verdict == Verdict::dry));
    CHECK(found(false) == (verdict == Verdict::banned));
    CHECK(found(true) == (verdict == Verdict::dry));
  };
  agree(both, Verdict::dry);  // once, though it is in both tables
  agree(other, Verdict::banned);
  agree(exempt, Verdict::none);
  CHECK(bans.control->explain(exempt).ban);
  CHECK(listed(bans).size() == 2);
  CHECK(bans.control->status().dry == 1);
  bans.options.bans.mode = BanMode::on;
  bans.control->set(bans.options);
  bans.settle();
  agree(both, Verdict::banned);
  agree(exempt, Verdict::none);
  bans.options.bans.mode = BanMode::off;
  bans.control->set(bans.options);
  bans.settle();
  // The workers look nobody up; people see the cluster's bans, as what would be.
  CHECK(bans.verdict(both) == Verdict::none);
  CHECK(listed(bans) == Listed{{address_prefix(both), true}, {address_prefix(other), true}});
  for (const auto& client : {both, other}) {
    CHECK(!bans.control->explain(client).banned);
    CHECK(bans.control->explain(client).would_be);
  }
  CHECK(!bans.control->explain(exempt).would_be);
  CHECK(bans.control->status().remembered == 3);
  CHECK(bans.control->status().dry == 0);
}

TEST_CASE("ban control: bans that are ahead since cluster time was set back are not in force any longer") {
  Bans bans(BanMode::on);
  const auto client = client_at("192.0.2.7");
  CHECK(bans.control->ban(client, 86'400).has_value());
  bans.settle();
  CHECK(bans.verdict(client) == Verdict::banned);
  bans.now_ms -= 3'600'000;
  // As the cluster does.
  CHECK(bans.control->log().expire(bans.now_ms) == 1);
  bans.pass_tick();
  CHECK(bans.index == nullptr);
  CHECK(bans.changes.back() == Ban{address_prefix(client), 0, false});
  CHECK(bans.control->status().in_force == 0);
}

TEST_CASE("ban control: many bans are published and told in slices, and what changes meanwhile follows") {
  Bans bans(BanMode::on);
  constexpr uint32_t kMany = 5'500;
  const auto client_of = [](uint32_t number) { return common::make_endpoint_v4(0x0b000000 + number, 0); };
  const auto merge = [&](uint32_t number, bool lifted) {
    const proto::BanChange change{address_prefix(client_of(number)),
                                  {600, proto::Offence::ports, 0, lifted},
                                  {bans.now_ms, lifted ? 3U : 2U}};
    REQUIRE(bans.control->log().merge(change, bans.now_ms) == sync::BanLog::Merged::news);
  };
  size_t most = 0;
  const auto until = [&](const auto& done) {
    const int64_t until_ms = monotonic_ms() + 60'000;
    while (!done() && monotonic_ms() < until_ms) {
      const size_t before = bans.changes.size();
      uv_run(&bans.loop, UV_RUN_NOWAIT);
      most = std::max(most, bans.changes.size() - before);
      uv_sleep(1);
    }
    REQUIRE(done());
  };
  for (uint32_t i = 0; i < kMany; ++i) merge(i, false);
  bans.control->changed();
  // While they are told: one more, and one less.
  until([&] { return !bans.changes.empty(); });
  CHECK(bans.changes.size() < kMany);
  CHECK(bans.control->ban(client_of(kMany), 600).has_value());
  merge(0, true);
  bans.control->changed();
  until([&] { return bans.changes.size() == kMany + 2; });
  CHECK(most <= BanControl::kSliceMax);
  CHECK(bans.verdict(client_of(0)) == Verdict::none);
  for (const uint32_t number : {1U, kMany / 2, kMany - 1, kMany}) {
    CHECK(bans.verdict(client_of(number)) == Verdict::banned);
  }
  CHECK(bans.control->status().in_force == kMany);
  // Off while they are collected again.
  bans.now_ms += 1000;
  CHECK(bans.control->lift(client_of(1)).has_value());
  for (int i = 0; i < 3; ++i) uv_run(&bans.loop, UV_RUN_NOWAIT);
  bans.options.bans.mode = BanMode::off;
  bans.control->set(bans.options);
  until([&] { return bans.index == nullptr && bans.changes.size() == 2 * kMany + 2; });
  CHECK(bans.control->status().in_force == 0);
}

TEST_CASE("ban control: it may go while an index is made") {
  Bans bans(BanMode::on);
  for (uint32_t i = 0; i < 3'000; ++i) {
    bans.control->log().merge({address_prefix(common::make_endpoint_v4(0x0b000000 + i, 0)),
                               {600, proto::Offence::ports, 0, false},
                               {bans.now_ms, 2}},
                              bans.now_ms);
  }
  bans.control->changed();
  for (int i = 0; i < 12; ++i) {
    uv_run(&bans.loop, UV_RUN_NOWAIT);
    uv_sleep(1);
  }
}

std::vector<std::string>& lines() {
  static std::vector<std::string> kept;
  return kept;
}

TEST_CASE("ban control: the log has a line while there is news, and not another one within a minute") {
  lines().clear();
  common::set_log_output([](std::string_view line) { lines().emplace_back(line); });
  {
    Bans bans(BanMode::on);
    bans.pass_tick();
    CHECK(lines().empty());
  }
  {
    Bans bans(BanMode::on);
    bans.offend(client_at("192.0.2.7"));
    bans.pass_tick();
    CHECK(lines().size() == 1);
    bans.offend(client_at("192.0.2.8"));
    bans.pass_tick();
    CHECK(bans.control->status().in_force == 2);
  }
  common::set_log_output([](std::string_view line) { std::fwrite(line.data(), 1, line.size(), stderr); });
  REQUIRE(lines().size() == 1);
  CHECK(lines()[0].find("bans mode=on in_force=1 made=1 would_be_made=0") != std::string::npos);
}

}  // namespace
}  // namespace shoal::node
