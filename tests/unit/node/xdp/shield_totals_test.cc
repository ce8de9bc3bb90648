#include "node/xdp/shield_totals.h"

#include <doctest/doctest.h>

using namespace shoal;
using node::Limit;
using node::ShieldDecisions;
using node::ShieldTotals;
using node::WorkerCounters;

TEST_CASE("shield totals: what it did counts as if sockets had done it, once") {
  WorkerCounters counters;
  ShieldTotals totals(counters);
  ShieldDecisions now{};
  for (size_t i = 0; i < node::kShieldDecisions; ++i) now[0].packets[i] = uint64_t{1} << i;
  now[0].bytes = 1'000'000;
  now[1].packets[SHIELD_CONNECT_ANSWERED] = 7;
  now[1].bytes = 112;
  const auto of = [](unsigned decision) { return uint64_t{1} << decision; };
  for (int repeat = 0; repeat < 2; ++repeat) {
    totals.add(now);
    const node::UdpCounters& v4 = counters.udp[0];
    CHECK(v4.connects.value() == of(SHIELD_CONNECT_ANSWERED));
    CHECK(v4.datagrams_sent.value() == of(SHIELD_CONNECT_ANSWERED));
    CHECK(v4.bytes_sent.value() == 16 * of(SHIELD_CONNECT_ANSWERED));
    CHECK(v4.bytes_received.value() == 1'000'000);
    CHECK(v4.dropped_malformed.value() ==
          of(SHIELD_DROPPED_TOO_SHORT) + of(SHIELD_DROPPED_UNKNOWN_ACTION) + of(SHIELD_DROPPED_WRONG_MAGIC));
    CHECK(v4.dropped_source_port.value() == of(SHIELD_DROPPED_SOURCE_PORT));
    CHECK(v4.dropped_network.value() == of(SHIELD_DROPPED_NETWORK));
    CHECK(v4.dropped_ban.value() == of(SHIELD_DROPPED_BANNED));
    CHECK(v4.dropped_connection_id.value() == of(SHIELD_DROPPED_CONNECTION_ID));
    CHECK(v4.dropped_rate.value() == of(SHIELD_DROPPED_RATE_ADDRESS) + of(SHIELD_DROPPED_RATE_PREFIX));
    const auto& limits = counters.announce.limits;
    CHECK(limits[index_of(Limit::requests_per_s_per_address)].value() == of(SHIELD_DROPPED_RATE_ADDRESS));
    CHECK(limits[index_of(Limit::requests_per_s_per_prefix)].value() == of(SHIELD_DROPPED_RATE_PREFIX));
    // Neither what it passes, which the sockets count, nor what the kernel would have dropped before them.
    CHECK(v4.datagrams_received.value() == now[0].handled() - of(SHIELD_DROPPED_CHECKSUM));
    CHECK(counters.udp[1].connects.value() == 7);
    CHECK(counters.udp[1].datagrams_received.value() == 7);
  }
  now[1].packets[SHIELD_CONNECT_ANSWERED] = 9;
  totals.add(now);
  CHECK(counters.udp[1].connects.value() == 9);
  CHECK(totals.decisions()[1].packets[SHIELD_CONNECT_ANSWERED] == 9);
}
