#include "node/admin/metrics.h"

#include <array>
#include <vector>

#include "node/admin/metric_rows.h"
#include "node/config/version.h"
#include "node/status/request_totals.h"

namespace shoal::node {

namespace metric_rows {

namespace {

constexpr std::array<const char*, 2> kFamilyNames = {"ipv4", "ipv6"};

// Sum over the workers of the counter that `pick` returns a reference to.
template <class Pick>
uint64_t sum(const NodeState& state, Pick pick) {
  uint64_t total = 0;
  for (const WorkerCounters* worker : state.workers) total += pick(*worker).value();
  return total;
}

uint64_t udp(const NodeState& state, size_t family, common::Counter UdpCounters::*field) {
  return sum(
      state, [=](const WorkerCounters& w) -> auto& { return w.udp[family].*field; });
}

uint64_t http_tracker(const NodeState& state, size_t family, common::Counter HttpTrackerCounters::*field) {
  return sum(
      state, [=](const WorkerCounters& w) -> auto& { return w.http_tracker[family].*field; });
}

uint64_t http(const NodeState& state, common::Counter HttpCounters::*field) {
  return sum(
      state, [=](const WorkerCounters& w) -> auto& { return w.http.*field; });
}

uint64_t announces(const NodeState& state, common::Counter AnnounceCounters::*field) {
  return sum(
      state, [=](const WorkerCounters& w) -> auto& { return w.announce.*field; });
}

// Readers of a single counter of the workers.
auto of_announces(common::Counter AnnounceCounters::*field) {
  return [=](const NodeState& state) { return announces(state, field); };
}

auto of_http(common::Counter HttpCounters::*field) {
  return [=](const NodeState& state) { return http(state, field); };
}

auto of_udp_by_family(common::Counter UdpCounters::*field) {
  return [=](Samples& out, const NodeState& state) {
    for (size_t family = 0; family < 2; ++family) {
      out.add(udp(state, family, field), {{"family", kFamilyNames[family]}});
    }
  };
}

void read_requests(Samples& out, const NodeState& state) {
  for (size_t family = 0; family < 2; ++family) {
    const auto add = [&](const char* protocol, const char* action, const char* result, uint64_t count) {
      out.add(
          count,
          {{"protocol", protocol}, {"family", kFamilyNames[family]}, {"action", action}, {"result", result}});
    };
    const uint64_t udp_scrape_errors = udp(state, family, &UdpCounters::scrape_errors);
    add("udp", "connect", "ok", udp(state, family, &UdpCounters::connects));
    add("udp", "announce", "ok", udp(state, family, &UdpCounters::announces));
    add("udp", "announce", "refused", udp(state, family, &UdpCounters::errors) - udp_scrape_errors);
    add("udp", "scrape", "ok", udp(state, family, &UdpCounters::scrapes));
    add("udp", "scrape", "refused", udp_scrape_errors);
    const auto over_http = [&](common::Counter HttpTrackerCounters::*field) {
      return http_tracker(state, family, field);
    };
    const uint64_t http_scrape_failures = over_http(&HttpTrackerCounters::scrape_failures);
    add("http", "announce", "ok", over_http(&HttpTrackerCounters::announces));
    add("http", "announce", "refused", over_http(&HttpTrackerCounters::failures) - http_scrape_failures);
    add("http", "scrape", "ok", over_http(&HttpTrackerCounters::scrapes));
    add("http", "scrape", "refused", http_scrape_failures);
    add("http", "stats", "ok", over_http(&HttpTrackerCounters::stats));
    add("http", "stats", "refused", over_http(&HttpTrackerCounters::stats_denied));
    add("http", "other", "redirected", over_http(&HttpTrackerCounters::redirected));
    add("http", "other", "not_found", over_http(&HttpTrackerCounters::not_found));
  }
}

void read_request_times(Samples& out, const NodeState& state) {
  for (size_t family = 0; family < 2; ++family) {
    std::vector<const common::TimeHistogram*> times;
    for (const WorkerCounters* worker : state.workers) times.push_back(&worker->udp[family].request_time);
    out.add_histograms(times, {{"protocol", "udp"}, {"family", kFamilyNames[family]}});
  }
  std::vector<const common::TimeHistogram*> times;
  for (const WorkerCounters* worker : state.workers) times.push_back(&worker->http.request_time);
  out.add_histograms(times, {{"protocol", "http"}, {"family", "any"}});
}

void read_clients(Samples& out, const NodeState& state) {
  for (size_t number = 0; number < kClientNames; ++number) {
    out.add(sum(
                state, [=](const WorkerCounters& w) -> auto& { return w.announce.clients[number]; }),
            {{"client", std::string(client_name(number))}});
  }
}

void read_udp_drops(Samples& out, const NodeState& state) {
  constexpr std::array<std::pair<const char*, common::Counter UdpCounters::*>, 7> kReasons = {
      {{"malformed", &UdpCounters::dropped_malformed},
       {"connection_id", &UdpCounters::dropped_connection_id},
       {"source_port", &UdpCounters::dropped_source_port},
       {"network", &UdpCounters::dropped_network},
       {"rate", &UdpCounters::dropped_rate},
       {"ban", &UdpCounters::dropped_ban},
       {"send", &UdpCounters::dropped_send}}};
  for (size_t family = 0; family < 2; ++family) {
    for (const auto& [reason, field] : kReasons) {
      out.add(udp(state, family, field), {{"family", kFamilyNames[family]}, {"reason", reason}});
    }
  }
}

void read_peers(Samples& out, const NodeState& state) {
  const StoreTotals& store = state.store;
  out.add(store.seeders_v4, {{"state", "seeder"}, {"family", "ipv4"}});
  out.add(store.leechers_v4, {{"state", "leecher"}, {"family", "ipv4"}});
  out.add(store.stopped_v4, {{"state", "stopped"}, {"family", "ipv4"}});
  out.add(store.seeders_v6, {{"state", "seeder"}, {"family", "ipv6"}});
  out.add(store.leechers_v6, {{"state", "leecher"}, {"family", "ipv6"}});
  out.add(store.stopped_v6, {{"state", "stopped"}, {"family", "ipv6"}});
  out.add(store.seeders_web, {{"state", "seeder"}, {"family", "web"}});
  out.add(store.leechers_web, {{"state", "leecher"}, {"family", "web"}});
  out.add(store.stopped_web, {{"state", "stopped"}, {"family", "web"}});
}

void read_refusals(Samples& out, const NodeState& state) {
  constexpr std::array<std::pair<const char*, Refusal>, 5> kReasons = {
      {{"swarm", Refusal::swarm},
       {"client", Refusal::client},
       {"network", Refusal::network},
       {"private_address", Refusal::private_address},
       {"full", Refusal::full}}};
  for (const auto& [reason, refusal] : kReasons) {
    const auto index = static_cast<size_t>(refusal);
    out.add(sum(
                state, [=](const WorkerCounters& w) -> auto& { return w.announce.refused[index]; }),
            {{"reason", reason}});
  }
}

void read_banned(Samples& out, const NodeState& state) {
  for (size_t family = 0; family < 2; ++family) {
    const auto add = [&](const char* protocol, const char* result, uint64_t count) {
      out.add(count, {{"protocol", protocol}, {"family", kFamilyNames[family]}, {"result", result}});
    };
    add("udp", "refused", udp(state, family, &UdpCounters::dropped_ban));
    add("udp", "would_be", udp(state, family, &UdpCounters::would_ban));
    add("http", "refused", http_tracker(state, family, &HttpTrackerCounters::banned));
    add("http", "would_be", http_tracker(state, family, &HttpTrackerCounters::would_ban));
  }
}

void read_bans_made(Samples& out, const NodeState& state) {
  for (size_t i = 0; i < proto::kOffences; ++i) {
    const std::string offence(to_string(static_cast<proto::Offence>(i)));
    out.add(state.bans.made[i], {{"offence", offence}, {"result", "made"}});
    out.add(state.bans.made_dry[i], {{"offence", offence}, {"result", "would_be"}});
  }
}

// Of something that is done or fails; `good` and `failed` take a NodeState.
template <class Good, class Failed>
auto by_result(Good good, Failed failed) {
  return [=](Samples& out, const NodeState& state) {
    out.add(good(state), {{"result", "ok"}});
    out.add(failed(state), {{"result", "failed"}});
  };
}

uint64_t tls(const NodeState& state, common::Counter TlsCounters::*field) {
  return sum(
      state, [=](const WorkerCounters& w) -> auto& { return w.http.tls.*field; });
}

void read_tls_failures(Samples& out, const NodeState& state) {
  for (size_t i = 0; i < kTlsFailures; ++i) {
    out.add(sum(
                state, [=](const WorkerCounters& w) -> auto& { return w.http.tls.failed[i]; }),
            {{"reason", std::string(kTlsFailureNames[i])}});
  }
}

void read_tls_connections(Samples& out, const NodeState& state) {
  const TlsTotals totals = tls_totals(state);
  for (size_t i = 0; i < kTlsProtocols; ++i)
    out.add(totals.open[i], {{"version", std::string(kTlsProtocolNames[i])}});
}

std::vector<Row> tls_rows() {
  return {
      counter("shoal_tls_handshakes_total",
              "TLS handshakes of the HTTP tracker that ended well: full, or resumed with a ticket.",
              [](Samples& out, const NodeState& s) {
                out.add(tls(s, &TlsCounters::full), {{"kind", "full"}});
                out.add(tls(s, &TlsCounters::resumed), {{"kind", "resumed"}});
              }),
      counter("shoal_tls_handshake_failures_total", "TLS handshakes that did not, by reason.",
              read_tls_failures),
      counter("shoal_tls_handshakes_postponed_total",
              "Turns of TLS handshakes that waited, because the loop had done its share of them.",
              [](const NodeState& s) { return tls(s, &TlsCounters::postponed); }),
      counter("shoal_tls_broken_total",
              "TLS connections closed for what the client sent after its handshake: a damaged record, "
              "renegotiation, or too many updates of keys.",
              [](const NodeState& s) { return tls(s, &TlsCounters::broken); }),
      gauge("shoal_tls_connections", "TLS connections of the HTTP tracker open now, by version.",
            read_tls_connections),
      gauge("shoal_tls_certificate_expiry_timestamp_seconds",
            "Unix time at which a certificate of tracker.tls_certificates ends.",
            [](Samples& out, const NodeState& s) {
              for (const TlsCertificateInfo& one : s.certificates) {
                out.add(static_cast<double>(one.not_after_unix_s),
                        {{"file", one.file}, {"subject", one.subject}});
              }
            }),
  };
}

uint64_t web(const NodeState& state, common::Counter WebCounters::*field) {
  return sum(
      state, [=](const WorkerCounters& w) -> auto& { return w.web.*field; });
}

void read_websocket_lost(Samples& out, const NodeState& state) {
  const auto add = [&](const char* reason, uint64_t count) { out.add(count, {{"reason", reason}}); };
  add("unknown", web(state, &WebCounters::answers_unknown));
  add("pushed", web(state, &WebCounters::offers_pushed));
  add("gone", web(state, &WebCounters::gone) + state.web_hub->misdirected);
  add("unread", web(state, &WebCounters::unread));
  add("malformed", web(state, &WebCounters::malformed));
  add("inbox", state.web_hub->dropped_local);
  add("outgoing", state.web_hub->dropped_outgoing);
}

std::vector<Row> websocket_rows() {
  return {
      gauge("shoal_websocket_connections", "WebSocket connections of WebTorrent clients open now.",
            [](const NodeState& s) { return web_totals(s).connections; }),
      counter("shoal_websocket_connections_total", "WebSocket connections that were opened.",
              [](const NodeState& s) { return web(s, &WebCounters::opened); }),
      counter("shoal_websocket_refused_total", "Requests for one that were refused, by reason.",
              [](Samples& out, const NodeState& s) {
                out.add(web(s, &WebCounters::refused_bad), {{"reason", "malformed"}});
                out.add(web(s, &WebCounters::refused_origin), {{"reason", "origin"}});
                out.add(web(s, &WebCounters::refused_room), {{"reason", "room"}});
                out.add(web(s, &WebCounters::refused_address), {{"reason", "address"}});
              }),
      counter("shoal_websocket_closed_total", "WebSocket connections that the node closed, by reason.",
              [](Samples& out, const NodeState& s) {
                out.add(web(s, &WebCounters::violations), {{"reason", "protocol"}});
                out.add(web(s, &WebCounters::banned), {{"reason", "banned"}});
              }),
      counter("shoal_websocket_messages_total", "Messages of WebTorrent clients, by kind.",
              [](Samples& out, const NodeState& s) {
                out.add(web(s, &WebCounters::announces), {{"kind", "announce"}});
                out.add(web(s, &WebCounters::answers), {{"kind", "answer"}});
                out.add(web(s, &WebCounters::scrapes), {{"kind", "scrape"}});
                out.add(web(s, &WebCounters::failures), {{"kind", "failed"}});
              }),
      counter("shoal_websocket_offers_total",
              "Offers in announces, and those of them for which there was a peer, on any node.",
              [](Samples& out, const NodeState& s) {
                out.add(web(s, &WebCounters::offers_made), {{"step", "made"}});
                out.add(web(s, &WebCounters::offers_sent), {{"step", "sent"}});
              }),
      counter("shoal_websocket_delivered_total", "Offers and answers handed to a client of this node.",
              [](Samples& out, const NodeState& s) {
                out.add(web(s, &WebCounters::offers_delivered), {{"kind", "offer"}});
                out.add(web(s, &WebCounters::answers_delivered), {{"kind", "answer"}});
              }),
      counter("shoal_websocket_lost_total", "Offers and answers that were not, by reason.",
              read_websocket_lost),
  };
}

std::vector<Row> node_and_client_rows() {
  return {
      gauge("shoal_build_info", "Version of this build; the value is 1.",
            [](Samples& out, const NodeState&) {
              out.add(1, {{"version", version()}});
            }),
      gauge("shoal_start_time_seconds", "Unix time at which the node started.",
            [](const NodeState& s) { return static_cast<double>(s.started_unix_ms) / 1000; }),
      gauge("shoal_ready", "1 when the node is ready to serve, 0 otherwise.",
            [](const NodeState& s) { return s.readiness.ready ? 1 : 0; }),
      counter("shoal_requests_total", "Well-formed requests by protocol, family, action and result.",
              read_requests),
      counter("shoal_announces_total", "Announces by event; none includes paused.",
              [](Samples& out, const NodeState& s) {
                out.add(announces(s, &AnnounceCounters::started), {{"event", "started"}});
                out.add(announces(s, &AnnounceCounters::completed), {{"event", "completed"}});
                out.add(announces(s, &AnnounceCounters::stopped), {{"event", "stopped"}});
                out.add(announces(s, &AnnounceCounters::regular), {{"event", "none"}});
              }),
      counter("shoal_announces_not_stored_total",
              "Announces that were answered and not stored: without a port, or from an address that no peer "
              "can have.",
              of_announces(&AnnounceCounters::unstorable)),
      counter("shoal_peers_sent_total", "Peers sent in answers to announces.",
              of_announces(&AnnounceCounters::peers_sent)),
      counter("shoal_downloads_total", "Peers that reported a completed download for the first time.",
              of_announces(&AnnounceCounters::downloads)),
      histogram(
          "shoal_request_duration_seconds",
          "Time per answer. UDP: from receiving a batch of datagrams until its answers were handed to the "
          "kernel. HTTP: to make the answer.",
          read_request_times),
      counter("shoal_client_announces_sampled_total",
              "One announce in 16, by the client software that its peer_id claims.", read_clients),
  };
}

std::vector<Row> server_rows() {
  return {
      counter("shoal_udp_datagrams_received_total", "Datagrams received by the UDP tracker.",
              of_udp_by_family(&UdpCounters::datagrams_received)),
      counter("shoal_udp_datagrams_sent_total", "Answers sent by the UDP tracker.",
              of_udp_by_family(&UdpCounters::datagrams_sent)),
      counter("shoal_udp_received_bytes_total", "UDP payload received by the tracker.",
              of_udp_by_family(&UdpCounters::bytes_received)),
      counter("shoal_udp_sent_bytes_total", "UDP payload sent by the tracker.",
              of_udp_by_family(&UdpCounters::bytes_sent)),
      counter("shoal_udp_connection_ids_refused_total",
              "UDP requests with an old or foreign connection id that were told to connect again.",
              of_udp_by_family(&UdpCounters::connection_id_errors)),
      counter("shoal_udp_dropped_total",
              "Datagrams that got no answer: malformed, with a bad connection id, from source port 0, from a "
              "denied network, above a client's rate, of a banned client, or with an answer that the kernel "
              "did not accept.",
              read_udp_drops),
      counter("shoal_http_connections_accepted_total", "HTTP tracker connections accepted.",
              of_http(&HttpCounters::connections_accepted)),
      gauge("shoal_http_connections", "HTTP tracker connections open now.",
            [](const NodeState& s) { return request_totals(s).http_connections; }),
      counter(
          "shoal_http_connections_closed_by_limit_total",
          "HTTP tracker connections that the node closed: the longest idle one to make room, one that "
          "exceeded a time limit, the slowest while too many bytes wait, or one that reads a full scrape too "
          "slowly.",
          [](Samples& out, const NodeState& s) {
            out.add(http(s, &HttpCounters::closed_for_room), {{"limit", "connections"}});
            out.add(http(s, &HttpCounters::closed_timeout), {{"limit", "time"}});
            out.add(http(s, &HttpCounters::closed_for_memory), {{"limit", "memory"}});
            out.add(http(s, &HttpCounters::closed_slow), {{"limit", "pace"}});
          }),
      counter("shoal_http_postponed_total",
              "Turns of HTTP tracker connections that ended before their input did: the rest waited for the "
              "next turn.",
              of_http(&HttpCounters::postponed)),
      counter("shoal_http_accept_failures_total",
              "HTTP tracker connections that the system did not let the node accept.",
              of_http(&HttpCounters::accept_failures)),
      counter("shoal_http_bad_requests_total", "Malformed HTTP requests, answered with 4xx or 5xx.",
              of_http(&HttpCounters::bad_requests)),
      counter("shoal_http_received_bytes_total", "Bytes received by the HTTP tracker.",
              of_http(&HttpCounters::bytes_received)),
      counter("shoal_http_sent_bytes_total", "Bytes sent by the HTTP tracker.",
              of_http(&HttpCounters::bytes_sent)),
  };
}

std::vector<Row> store_rows() {
  return {
      gauge("shoal_swarms", "Swarms with at least one record of a peer that has an address.",
            [](const NodeState& s) { return s.store.swarms; }),
      gauge("shoal_web_swarms", "Swarms with at least one record of a web peer.",
            [](const NodeState& s) { return s.store.swarms_web; }),
      gauge("shoal_peers",
            "Peer records by state and family. Stopped peers are remembered, so that no late packet brings "
            "them back.",
            read_peers),
      counter("shoal_peers_expired_total", "Live peers removed because they stopped announcing.",
              [](const NodeState& s) { return s.store.expired; }),
      counter("shoal_store_lock_waits_total", "Times a thread waited for a lock of the store.",
              [](const NodeState& s) { return s.store.lock_stalls; }),
      counter(
          "shoal_restatements_dropped_total",
          "Times a client changed faster than the table of what is said again holds; other nodes may have "
          "it wrong until it announces again.",
          [](const NodeState& s) { return s.store.restatements_dropped; }),
      gauge("shoal_store_memory_bytes", "Memory allocated for swarms and peers.",
            [](const NodeState& s) { return s.store.memory_bytes; }),
      gauge("shoal_store_memory_limit_bytes", "Memory that swarms and peers may take; 0: no limit.",
            [](const NodeState& s) { return s.store.memory_limit_bytes; }),
      counter("shoal_store_evicted_records_total",
              "Records given up because the memory for swarms and peers was full.",
              [](const NodeState& s) { return s.store.evicted_records; }),
      gauge("shoal_store_giving_up",
            "1: swarms are given up for lack of memory, or were and there is still little room.",
            [](const NodeState& s) { return s.store.giving_up ? 1 : 0; }),
      counter("shoal_limit_hits_total",
              "Times a limit was hit. memory: swarms given up, and announces refused. merged_swarms and "
              "merged_peers: records of other nodes that were refused because this node holds twice its "
              "limit; merged_memory: because no swarm would make room.",
              [](Samples& out, const NodeState& s) {
                for (size_t i = 1; i < kLimits; ++i) {
                  out.add(s.limit_hits[i], {{"limit", std::string(kLimitNames[i])}});
                }
              }),
      gauge("shoal_announces_per_second", "Announces at this node, smoothed.",
            [](const NodeState& s) { return s.announces_per_s; }),
      gauge("shoal_interval_seconds", "Interval that clients are told, before the jitter.",
            [](const NodeState& s) { return s.interval_s; }),
  };
}

std::vector<Row> access_rows() {
  return {
      counter("shoal_announces_refused_total", "Announces answered with a failure, by what was not allowed.",
              read_refusals),
      gauge("shoal_access_file_entries", "Entries of access.file.",
            [](const NodeState& s) { return s.access.file_entries; }),
      gauge("shoal_access_denied_networks",
            "Networks that are denied: by access.deny_networks, files, feeds, countries and AS numbers.",
            [](const NodeState& s) { return s.access.denied_networks; }),
      gauge("shoal_access_changes", "Entries of the access list changed at run time.",
            [](const NodeState& s) { return s.access.changes; }),
      counter("shoal_access_changes_refused_total", "Run-time changes refused because there are too many.",
              [](const NodeState& s) { return s.access.refused_changes; }),
      counter("shoal_access_bad_lines_total", "Lines of the access FIFOs that are not info_hashes.",
              [](const NodeState& s) { return s.access.bad_lines; }),
      counter("shoal_banned_requests_total",
              "Requests and connections of banned clients, and of those that would be if bans.mode were on.",
              read_banned),
      counter("shoal_bans_made_total",
              "Bans made on this node, and those that would have been if bans.mode were on.", read_bans_made),
      gauge("shoal_bans_in_force", "Clients banned now on this node, and those that would be.",
            [](Samples& out, const NodeState& s) {
              out.add(s.bans.in_force, {{"result", "banned"}});
              out.add(s.bans.dry, {{"result", "would_be"}});
            }),
      gauge("shoal_bans_remembered", "Bans of the cluster that are in force or ended less than a day ago.",
            [](const NodeState& s) { return s.bans.remembered; }),
      counter("shoal_bans_dropped_total",
              "Offenders that were not banned. too_many: more than a node bans in a second, or no room; "
              "exempt: by bans.exempt; displaced: bans that made room for longer ones; clients_displaced: "
              "clients with a score that were forgotten for busier ones.",
              [](Samples& out, const NodeState& s) {
                out.add(s.bans.dropped, {{"reason", "too_many"}});
                out.add(s.bans.spared, {{"reason", "exempt"}});
                out.add(s.bans.displaced, {{"reason", "displaced"}});
                out.add(s.bans.clients_displaced, {{"reason", "clients_displaced"}});
              }),
      counter("shoal_access_swarms_dropped_total", "Swarms removed because they are no longer served.",
              [](const NodeState& s) { return s.access.swarms_dropped; }),
      counter("shoal_access_reloads_total", "Reloads that read the access list, by whether it was valid.",
              by_result([](const NodeState& s) { return s.access.reloads; },
                        [](const NodeState& s) { return s.access.reloads_failed; })),
      counter("shoal_access_state_write_failures_total", "Failed writes of access.state_file.",
              [](const NodeState& s) { return s.access.state_writes_failed; }),
  };
}

std::vector<Row> dump_and_reload_rows() {
  return {
      counter("shoal_full_scrapes_total", "Full scrapes begun, and those refused, by reason.",
              [](Samples& out, const NodeState& s) {
                out.add(s.dumps.begun, {{"result", "begun"}});
                out.add(s.dumps.refused_too_often, {{"result", "refused_too_often"}});
                out.add(s.dumps.refused_busy, {{"result", "refused_busy"}});
              }),
      counter("shoal_full_scrape_bytes_total", "Bytes of full scrapes, after compression.",
              [](const NodeState& s) { return s.dumps.bytes; }),
      counter("shoal_admin_refused_total",
              "Requests to the admin endpoint that were refused: for a foreign host name, without the right "
              "token, or, without a token, from another machine, a web page or a proxy.",
              [](Samples& out, const NodeState& s) {
                for (size_t i = 0; i < kAdminRefusals; ++i) {
                  out.add(s.admin_refused[i], {{"reason", std::string(kAdminRefusalNames[i])}});
                }
              }),
      counter("shoal_reloads_total", "Reloads by result; a failed one changes nothing.",
              by_result([](const NodeState& s) { return s.reloads; },
                        [](const NodeState& s) { return s.reloads_failed; })),
      gauge("shoal_options_need_restart",
            "Options whose new values, read at the last reload, need a restart.",
            [](const NodeState& s) { return s.need_restart.size(); }),
      counter("shoal_log_lines_dropped_total", "Log lines not written because nobody took them.",
              [](const NodeState& s) { return s.log_lines_dropped; }),
      counter("shoal_key_reloads_total", "Reloads that read the key files, by whether they were valid.",
              by_result([](const NodeState& s) { return s.key_reloads; },
                        [](const NodeState& s) { return s.key_reloads_failed; })),
  };
}

// Of a file that is written at intervals. `prefix` begins the names; `status` takes a NodeState and returns a
// reference to a SnapshotStatus or the like.
template <class Status>
std::vector<Row> file_rows(const std::string& prefix, const std::string& option, Status status) {
  return {
      counter(prefix + "_writes_total", "Writes of " + option + ", by result.",
              by_result([=](const NodeState& s) { return status(s).written; },
                        [=](const NodeState& s) { return status(s).failed; })),
      gauge(prefix + "_last_time_seconds", "Unix time of the last successful write; 0 means none yet.",
            [=](const NodeState& s) { return static_cast<double>(status(s).last_unix_ms) / 1000; }),
      gauge(prefix + "_last_bytes", "Size of the file.",
            [=](const NodeState& s) { return status(s).last_bytes; }),
      gauge(prefix + "_last_duration_seconds", "How long the last successful write took.",
            [=](const NodeState& s) { return static_cast<double>(status(s).last_took_ms) / 1000; }),
  };
}

// One sample per feed.
template <class Read>
auto of_feeds(Read read) {
  return [=](Samples& out, const NodeState& s) {
    for (const FeedStatus& feed : s.feeds) out.add(read(feed), {{"feed", feed.name}});
  };
}

std::vector<Row> feed_rows() {
  return {
      gauge("shoal_feed_entries", "Entries of a feed's list that is in force.",
            of_feeds([](const FeedStatus& feed) { return feed.entries; })),
      gauge("shoal_feed_bad_lines", "Lines of it that were skipped.",
            of_feeds([](const FeedStatus& feed) { return feed.bad_lines; })),
      gauge(
          "shoal_feed_fetched_time_seconds",
          "Unix time at which the list in force was fetched; 0 means there is none.",
          of_feeds([](const FeedStatus& feed) { return static_cast<double>(feed.fetched_unix_ms) / 1000; })),
      gauge("shoal_feed_failures", "Attempts to fetch it that failed since the last that did not.",
            of_feeds([](const FeedStatus& feed) { return feed.failures; })),
      counter("shoal_feed_fetches_total", "Attempts to fetch a feed, by result.",
              [](Samples& out, const NodeState& s) {
                for (const FeedStatus& feed : s.feeds) {
                  out.add(feed.changed, {{"feed", feed.name}, {"result", "changed"}});
                  out.add(feed.unchanged, {{"feed", feed.name}, {"result", "unchanged"}});
                  out.add(feed.failed, {{"feed", feed.name}, {"result", "failed"}});
                }
              }),
  };
}

// A sample for each of the first few of a list, the largest first, and one for all the others.
constexpr size_t kPlacesShown = 20;

template <class Place, class Name>
void add_places(Samples& out, const std::vector<Place>& places, uint64_t beyond, uint64_t unknown,
                const char* label, Name name) {
  for (size_t i = 0; i < places.size(); ++i) {
    if (i < kPlacesShown) {
      out.add(places[i].peers, {{label, name(places[i])}});
    } else {
      beyond += places[i].peers;
    }
  }
  out.add(beyond, {{label, "other"}});
  out.add(unknown, {{label, "unknown"}});
}

std::vector<Row> place_rows() {
  return {
      gauge("shoal_peers_by_country",
            "Peers by country, as counted once a minute; other: of all but the largest 20.",
            [](Samples& out, const NodeState& s) {
              if (!s.places->counts) return;
              const PlaceCounts& counts = *s.places->counts;
              add_places(out, counts.countries, 0, counts.peers_of_no_country, "country",
                         [](const auto& one) { return std::string(one.country.begin(), one.country.end()); });
            }),
      gauge("shoal_peers_by_asn",
            "Peers by autonomous system, as counted once a minute; other: of all but the largest 20.",
            [](Samples& out, const NodeState& s) {
              if (!s.places->counts) return;
              const PlaceCounts& counts = *s.places->counts;
              add_places(out, counts.asns, counts.peers_beyond, counts.peers_of_no_asn, "asn",
                         [](const auto& one) { return std::to_string(one.asn); });
            }),
  };
}

std::vector<Row> snapshot_rows() {
  std::vector<Row> rows = file_rows(
      "shoal_snapshot", "node.snapshot", [](const NodeState& s) -> auto& { return *s.snapshot; });
  rows.push_back(gauge("shoal_snapshot_interval_seconds",
                       "node.snapshot_interval_s; 0 means that it is written on exit only.",
                       [](const NodeState& s) { return s.snapshot->interval_s; }));
  rows.push_back(gauge("shoal_snapshot_refused",
                       "1 when the file found at the start was unusable and was set aside.",
                       [](const NodeState& s) { return s.snapshot->refused; }));
  return rows;
}

std::vector<Row> shield_rows() {
  return {
      gauge("shoal_xdp_attached",
            "1: the shield is on the interface (xdp.interfaces); 0: it is not, and the sockets serve alone.",
            [](Samples& out, const NodeState& s) {
              for (const ShieldInterface& one : s.shield->interfaces)
                out.add(one.attached() ? 1 : 0, {{"interface", one.name}, {"mode", one.mode}});
            }),
      counter("shoal_xdp_packets_total", "Datagrams for the UDP tracker, by what the shield did with them.",
              [](Samples& out, const NodeState& s) {
                for (size_t family = 0; family < 2; ++family) {
                  const ShieldCounts& counts = s.shield->decisions[family];
                  for (size_t i = 0; i < kShieldDecisions; ++i) {
                    out.add(counts.packets[i],
                            {{"family", kFamilyNames[family]},
                             {"decision", std::string(to_string(static_cast<ShieldDecision>(i)))}});
                  }
                }
              }),
      gauge("shoal_xdp_addresses", "Addresses and ports of tracker.udp, by who handles them first.",
            [](Samples& out, const NodeState& s) {
              out.add(s.shield->targets, {{"handled_by", "shield"}});
              out.add(s.shield->targets_left_out, {{"handled_by", "sockets"}});
            }),
  };
}

std::vector<Group> all_groups() {
  const auto always = [](const NodeState&) { return true; };
  std::vector<Group> groups = {
      {always, node_and_client_rows()},
      {always, server_rows()},
      {always, store_rows()},
      {always, access_rows()},
      {[](const NodeState& s) { return !s.feeds.empty(); }, feed_rows()},
      {[](const NodeState& s) { return s.places.has_value(); }, place_rows()},
      {always, dump_and_reload_rows()},
      {[](const NodeState& s) { return s.shield.has_value(); }, shield_rows()},
      {[](const NodeState& s) { return s.tls; }, tls_rows()},
      {[](const NodeState& s) { return s.web_hub != nullptr; }, websocket_rows()},
      {[](const NodeState& s) { return s.snapshot.has_value(); }, snapshot_rows()},
      {[](const NodeState& s) { return s.exports.has_value(); },
       file_rows(
           "shoal_export", "admin.export_file", [](const NodeState& s) -> auto& { return *s.exports; })},
  };
  for (Group& group : sync_groups()) groups.push_back(std::move(group));
  return groups;
}

}  // namespace

}  // namespace metric_rows

std::string metrics_text(const NodeState& state) {
  static const std::vector<metric_rows::Group> groups = metric_rows::all_groups();
  MetricText text;
  for (const metric_rows::Group& group : groups) {
    if (!group.present(state)) continue;
    for (const metric_rows::Row& row : group.rows) {
      text.metric(row.name, row.type, row.help);
      metric_rows::Samples samples(text);
      row.read(samples, state);
    }
  }
  return text.release();
}

}  // namespace shoal::node
