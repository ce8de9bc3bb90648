#include "node/xdp/shield_totals.h"

#include "common/counter.h"
#include "node/limits/limit.h"

namespace shoal::node {

namespace {

constexpr uint64_t kConnectAnswerBytes = 16;

}  // namespace

void ShieldTotals::add(const ShieldDecisions& now) {
  for (size_t family = 0; family < now.size(); ++family) {
    UdpCounters& udp = counters_.udp[family];
    const auto fresh = [&](ShieldDecision decision) {
      return now[family].packets[decision] - last_[family].packets[decision];
    };
    const auto drop = [&](ShieldDecision decision, common::Counter& counter) {
      const uint64_t count = fresh(decision);
      counter.add(count);
      udp.datagrams_received.add(count);
      return count;
    };
    const uint64_t answered = drop(SHIELD_CONNECT_ANSWERED, udp.connects);
    udp.datagrams_sent.add(answered);
    udp.bytes_sent.add(answered * kConnectAnswerBytes);
    udp.bytes_received.add(now[family].bytes - last_[family].bytes);
    drop(SHIELD_DROPPED_TOO_SHORT, udp.dropped_malformed);
    drop(SHIELD_DROPPED_UNKNOWN_ACTION, udp.dropped_malformed);
    drop(SHIELD_DROPPED_WRONG_MAGIC, udp.dropped_malformed);
    drop(SHIELD_DROPPED_SOURCE_PORT, udp.dropped_source_port);
    drop(SHIELD_DROPPED_NETWORK, udp.dropped_network);
    drop(SHIELD_DROPPED_BANNED, udp.dropped_ban);
    drop(SHIELD_DROPPED_CONNECTION_ID, udp.dropped_connection_id);
    auto& limits = counters_.announce.limits;
    limits[index_of(Limit::requests_per_s_per_address)].add(
        drop(SHIELD_DROPPED_RATE_ADDRESS, udp.dropped_rate));
    limits[index_of(Limit::requests_per_s_per_prefix)].add(
        drop(SHIELD_DROPPED_RATE_PREFIX, udp.dropped_rate));
  }
  last_ = now;
}

}  // namespace shoal::node
