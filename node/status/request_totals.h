// RequestTotals: requests and answers since start, summed over workers and families.

#pragma once

#include <array>
#include <cstdint>

#include "node/status/node_state.h"

namespace shoal::node {

struct RequestTotals {
  uint64_t udp_connects = 0;
  uint64_t udp_announces = 0;
  uint64_t udp_scrapes = 0;
  uint64_t udp_errors = 0;   // answered with action 3
  uint64_t udp_dropped = 0;  // in silence, whatever the reason
  uint64_t banned = 0;       // refused because of bans
  uint64_t would_ban = 0;    // would have been, if bans.mode were on
  uint64_t http_announces = 0;
  uint64_t http_scrapes = 0;
  uint64_t http_failures = 0;  // answered with a failure reason
  uint64_t http_bad_requests = 0;
  uint64_t http_connections = 0;  // open now
  uint64_t bytes_received = 0;    // UDP and HTTP
  uint64_t bytes_sent = 0;
};

RequestTotals request_totals(const NodeState& state);

// TLS of the HTTP tracker.
struct TlsTotals {
  uint64_t full = 0;
  uint64_t resumed = 0;
  uint64_t failed = 0;  // whatever the reason
  std::array<uint64_t, kTlsProtocols> open{};
};

TlsTotals tls_totals(const NodeState& state);

// Of WebTorrent clients.
struct WebTotals {
  uint64_t connections = 0;  // open now
  uint64_t refused = 0;      // openings, whatever the reason
  uint64_t announces = 0;
  uint64_t scrapes = 0;
  uint64_t failures = 0;    // messages answered with a failure reason
  uint64_t offers = 0;      // that have reached a peer of this node
  uint64_t answers = 0;     // the same
  uint64_t lost = 0;        // offers and answers that have not, whatever the reason
  uint64_t violations = 0;  // connections closed for breaking the protocol
};

WebTotals web_totals(const NodeState& state);

}  // namespace shoal::node
