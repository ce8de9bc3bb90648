#include "node/bans/offence_table.h"

#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <vector>

#include "common/prng.h"
#include "node/limits/request_limiter.h"
#include "tests/unit/support/store_fixture.h"

namespace shoal::node {
namespace {

using proto::Offence;

constexpr uint64_t kSecondUs = 1'000'000;
constexpr uint64_t kStartUs = 100 * kSecondUs;

// As by default.
OffenceLimits default_limits() { return {600, {0, 10'000, 10'000, 200, 1'000, 20}}; }

ClientPrefix client_of(uint32_t number) {
  return address_prefix(common::make_endpoint_v4(0x0b000000 + number, 0));
}

std::array<uint8_t, 20> peer_id_of(uint64_t number) {
  std::array<uint8_t, 20> id{'-', 'q', 'B', '4', '6', '0', '0', '-'};
  common::Prng prng(number);
  for (size_t i = 8; i < id.size(); ++i) id[i] = static_cast<uint8_t>(prng.next());
  return id;
}

// Offences at this rate until there are too many; their number.
uint32_t until_banned(OffenceTable& table, const ClientPrefix& client, Offence offence, double per_s,
                      uint64_t for_s) {
  const auto most = static_cast<uint32_t>(per_s * static_cast<double>(for_s));
  for (uint32_t i = 1; i <= most; ++i) {
    const auto now_us = kStartUs + static_cast<uint64_t>(i / per_s * 1e6);
    if (table.charge(client, offence, now_us)) return i;
  }
  return 0;
}

TEST_CASE("offence table: whoever goes too far is an offender, and whoever does not is not") {
  for (const auto& [offence, threshold] :
       {std::pair{Offence::over_rate, 10'000U}, std::pair{Offence::new_swarms, 10'000U},
        std::pair{Offence::malformed, 1'000U}, std::pair{Offence::full_scrapes, 20U}}) {
    CAPTURE(static_cast<int>(offence));
    OffenceTable table({1}, default_limits());
    const uint32_t done = until_banned(table, client_of(1), offence, threshold, 100);
    CHECK(done >= threshold);
    CHECK(done <= threshold + threshold / 100 + 20);
    // What leaks as fast as it comes never runs over.
    CHECK(until_banned(table, client_of(2), offence, threshold / 700.0, 7200) == 0);
  }
}

TEST_CASE("offence table: many offences at once count as many") {
  OffenceTable table({1}, default_limits());
  CHECK(!table.charge(client_of(1), Offence::over_rate, kStartUs, 9'990));
  CHECK(!table.charge(client_of(1), Offence::over_rate, kStartUs, 9));
  CHECK(table.charge(client_of(1), Offence::over_rate, kStartUs, 2));
  CHECK(table.charge(client_of(2), Offence::over_rate, kStartUs, UINT64_MAX));
}

TEST_CASE("offence table: ports of one swarm count, the same number in many swarms does not") {
  OffenceTable table({1}, default_limits());
  const auto id = peer_id_of(1);
  uint32_t ports = 0;
  while (ports < 10'000) {
    ++ports;
    if (table.announced(client_of(1), {test::hash_of(1), id, true, false}, kStartUs + ports * 1000)) break;
  }
  CHECK(ports >= 200);
  CHECK(ports <= 220);
  for (uint32_t i = 0; i < 5000; ++i) {
    CHECK(!table.announced(client_of(2), {test::hash_of(i), id, true, false}, kStartUs + i * 1000));
  }
  const auto known = table.announced(client_of(3), {test::hash_of(1), id, false, false}, kStartUs);
  CHECK(!known);
}

TEST_CASE("offence table: a score decays, can be explained and can be forgotten") {
  OffenceTable table({1}, default_limits());
  CHECK(!table.explain(client_of(1), kStartUs).known);
  for (int i = 0; i < 500; ++i) table.charge(client_of(1), Offence::malformed, kStartUs);
  const auto permille = [&](uint64_t now_us) {
    return table.explain(client_of(1), now_us).scores[static_cast<size_t>(Offence::malformed)].permille;
  };
  CHECK(permille(kStartUs) == doctest::Approx(500).epsilon(0.01));
  CHECK(permille(kStartUs + 150 * kSecondUs) == doctest::Approx(250).epsilon(0.01));
  CHECK(permille(kStartUs + 301 * kSecondUs) == 0);
  for (int i = 0; i < 500; ++i) table.charge(client_of(1), Offence::malformed, kStartUs);
  table.forget(client_of(1));
  CHECK(permille(kStartUs) == 0);
  OffenceLimits off = default_limits();
  off.threshold[static_cast<size_t>(Offence::malformed)] = 0;
  table.set(off);
  for (int i = 0; i < 5000; ++i) CHECK(!table.charge(client_of(1), Offence::malformed, kStartUs));
}

TEST_CASE("offence table: made-up clients raise a threshold by a bounded factor") {
  OffenceTable table({1}, default_limits());
  // Every announce of another client, in a swarm of its own: the best that an attacker can do.
  uint32_t done = 0;
  while (done < 1'000'000) {
    ++done;
    const OffenceTable::Announce announce{test::hash_of(done), peer_id_of(done), true, true};
    if (table.announced(client_of(1), announce, kStartUs + done * 1000)) break;
  }
  constexpr uint32_t kMost =
      10'000 + OffenceTable::kClientsMax * OffenceTable::kPerClient[static_cast<size_t>(Offence::new_swarms)];
  CHECK(done > 10'000);
  // What leaked meanwhile comes on top.
  CHECK(done <= kMost + kMost / 3);
}

TEST_CASE("offence table: a flood of new addresses does not make it forget those that do much") {
  OffenceTable table({1}, default_limits());
  const auto worst = client_of(1);
  uint64_t now_us = kStartUs;
  uint32_t done = 0;
  bool offender = false;
  // 200,000 addresses a second that are seen once, and one that does ten things a millisecond.
  for (uint32_t i = 0; i < 400'000 && !offender; ++i) {
    now_us += 5;
    table.announced(client_of(100 + i), {test::hash_of(1), peer_id_of(i % 100), true, false}, now_us);
    if (i % 20 == 0) {
      ++done;
      offender = table.charge(worst, Offence::new_swarms, now_us).has_value();
    }
  }
  CHECK(offender);
  CHECK(done <= 10'300);
}

// Ten thousand clients behind one address, each with its torrents, as they announce in an hour; and the
// limiter that all requests pass first.
TEST_CASE("offence table: 10,000 honest clients behind one address, an hour: nobody is an offender") {
  OffenceTable table({1}, default_limits());
  RequestLimiter limiter({2});
  limiter.set(500, 0);
  common::Prng prng(7);
  const common::Endpoint address = common::make_endpoint_v4(0x0b000001, 0);
  const ClientPrefix client = address_prefix(address);
  constexpr uint32_t kClients = 10'000;
  constexpr uint64_t kHourUs = 3600 * kSecondUs;
  constexpr uint64_t kIntervalUs = 1800 * kSecondUs;
  struct Torrent {
    uint32_t client;
    uint64_t hash;
    uint64_t next_us;
    bool known = false;
  };
  std::vector<Torrent> torrents;
  for (uint32_t i = 0; i < kClients; ++i) {
    // Ten each, of which half are of nobody else here, and one in a swarm that all of them are in.
    const uint64_t starts_us = kStartUs + prng.below(1'800) * kSecondUs;
    for (uint32_t t = 0; t < 10; ++t) {
      const uint64_t hash = t == 0 ? 1 : t < 5 ? 2 + prng.below(2'000) : 10'000 + i * 10 + t;
      torrents.push_back({i, hash, starts_us + prng.below(5'000) * 1000, false});
    }
  }
  // In the order of time, in steps of a second.
  std::vector<std::vector<uint32_t>> due(kHourUs / kSecondUs + 1);
  for (uint32_t i = 0; i < torrents.size(); ++i) {
    due[(torrents[i].next_us - kStartUs) / kSecondUs].push_back(i);
  }
  std::set<uint64_t> swarms;
  uint32_t offenders = 0;
  uint32_t announces = 0;
  for (size_t second = 0; second < due.size(); ++second) {
    uint64_t now_us = kStartUs + second * kSecondUs;
    for (size_t k = 0; k < due[second].size(); ++k) {
      Torrent& torrent = torrents[due[second][k]];
      now_us += kSecondUs / (due[second].size() + 1);
      ++announces;
      const auto plan = [&](uint64_t in_us) {
        const size_t at = second + std::max<size_t>(1, in_us / kSecondUs);
        if (at < due.size()) due[at].push_back(due[second][k]);
      };
      if (limiter.charge(address, now_us) != Limit::none) {
        offenders += table.charge(client, Offence::over_rate, now_us) ? 1 : 0;
        plan(60 * kSecondUs);
        continue;
      }
      const bool fresh = !torrent.known;
      const bool new_swarm = swarms.insert(torrent.hash).second;
      torrent.known = true;
      if (fresh || prng.below(16) == 0) {
        const OffenceTable::Announce announce{test::hash_of(torrent.hash), peer_id_of(torrent.client), fresh,
                                              fresh && new_swarm};
        offenders += table.announced(client, announce, now_us) ? 1 : 0;
      }
      plan(kIntervalUs * 9 / 10 + prng.below(kIntervalUs / kSecondUs / 5) * kSecondUs);
    }
  }
  CHECK(announces > 150'000);
  CHECK(offenders == 0);
}

}  // namespace
}  // namespace shoal::node
