#include "node/status/request_totals.h"

#include <algorithm>

namespace shoal::node {

namespace {

// A worker counts on between the two reads: never more closed than opened.
uint64_t open_of(const common::Counter& opened, const common::Counter& closed) {
  const uint64_t gone = closed.value();
  const uint64_t all = opened.value();
  return all - std::min(gone, all);
}

}  // namespace

RequestTotals request_totals(const NodeState& state) {
  RequestTotals totals;
  for (const WorkerCounters* worker : state.workers) {
    for (size_t family = 0; family < 2; ++family) {
      const UdpCounters& udp = worker->udp[family];
      totals.udp_connects += udp.connects.value();
      totals.udp_announces += udp.announces.value();
      totals.udp_scrapes += udp.scrapes.value();
      totals.udp_errors += udp.errors.value();
      totals.udp_dropped += udp.dropped_malformed.value() + udp.dropped_connection_id.value() +
                            udp.dropped_source_port.value() + udp.dropped_network.value() +
                            udp.dropped_rate.value() + udp.dropped_ban.value() + udp.dropped_send.value();
      totals.bytes_received += udp.bytes_received.value();
      totals.bytes_sent += udp.bytes_sent.value();
      const HttpTrackerCounters& http = worker->http_tracker[family];
      totals.http_announces += http.announces.value();
      totals.http_scrapes += http.scrapes.value();
      totals.http_failures += http.failures.value();
      totals.banned += udp.dropped_ban.value() + http.banned.value();
      totals.would_ban += udp.would_ban.value() + http.would_ban.value();
    }
    const HttpCounters& http = worker->http;
    totals.http_bad_requests += http.bad_requests.value();
    totals.http_connections += open_of(http.connections_accepted, http.connections_closed);
    totals.bytes_received += http.bytes_received.value();
    totals.bytes_sent += http.bytes_sent.value();
  }
  return totals;
}

TlsTotals tls_totals(const NodeState& state) {
  TlsTotals totals;
  for (const WorkerCounters* worker : state.workers) {
    const TlsCounters& tls = worker->http.tls;
    totals.full += tls.full.value();
    totals.resumed += tls.resumed.value();
    for (const common::Counter& failed : tls.failed) totals.failed += failed.value();
    for (size_t i = 0; i < kTlsProtocols; ++i) totals.open[i] += open_of(tls.opened[i], tls.closed[i]);
  }
  return totals;
}

WebTotals web_totals(const NodeState& state) {
  WebTotals totals;
  for (const WorkerCounters* worker : state.workers) {
    const WebCounters& web = worker->web;
    totals.connections += open_of(web.opened, web.closed);
    totals.refused += web.refused_bad.value() + web.refused_origin.value() + web.refused_room.value() +
                      web.refused_address.value();
    totals.announces += web.announces.value();
    totals.scrapes += web.scrapes.value();
    totals.failures += web.failures.value();
    totals.offers += web.offers_delivered.value();
    totals.answers += web.answers_delivered.value();
    totals.lost += web.answers_unknown.value() + web.offers_pushed.value() + web.gone.value() +
                   web.unread.value() + web.malformed.value();
    totals.violations += web.violations.value();
  }
  if (state.web_hub != nullptr) {
    totals.lost +=
        state.web_hub->dropped_local + state.web_hub->dropped_outgoing + state.web_hub->misdirected;
  }
  return totals;
}

}  // namespace shoal::node
