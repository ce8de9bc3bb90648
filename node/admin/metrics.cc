#include "node/admin/metrics.h"

#include <array>
#include <vector>

#include "node/admin/metric_families.h"
#include "node/admin/metrics_pulls.h"
#include "node/admin/metrics_sync.h"
#include "node/config/version.h"

namespace shoal::node {

namespace {

constexpr std::array<const char*, 2> kFamilyNames = {"ipv4", "ipv6"};

// Sum over the workers of the counter that `pick` returns.
template <class Pick>
uint64_t sum(const NodeState& state, Pick pick) {
  uint64_t total = 0;
  for (const WorkerCounters* worker : state.workers) total += pick(*worker).value();
  return total;
}

void add_node(Families& out, const NodeState& state) {
  out.gauge("shoal_build_info", "Version of this build; the value is 1.");
  out.add(1.0, {{"version", version()}});
  out.gauge("shoal_start_time_seconds", "Unix time at which the node started.");
  out.add(static_cast<double>(state.started_unix_ms) / 1000);
  out.gauge("shoal_ready", "1 when the node is ready to serve, 0 otherwise.");
  out.add(state.readiness.ready ? 1.0 : 0.0);
}

template <class Counters>
struct Row {
  const char* label;
  common::Counter Counters::*counter;
};

constexpr std::array<Row<UdpCounters>, 6> kUdpDrops = {
    {{"malformed", &UdpCounters::dropped_malformed},
     {"connection_id", &UdpCounters::dropped_connection_id},
     {"source_port", &UdpCounters::dropped_source_port},
     {"network", &UdpCounters::dropped_network},
     {"rate", &UdpCounters::dropped_rate},
     {"send", &UdpCounters::dropped_send}}};
constexpr std::array<Row<AnnounceCounters>, 4> kEvents = {{{"started", &AnnounceCounters::started},
                                                           {"completed", &AnnounceCounters::completed},
                                                           {"stopped", &AnnounceCounters::stopped},
                                                           {"none", &AnnounceCounters::regular}}};

void add_requests(Families& out, const NodeState& state) {
  out.counter("shoal_requests_total", "Requests understood, by protocol, family, action and result.");
  for (size_t family = 0; family < 2; ++family) {
    const auto add = [&](const char* protocol, const char* action, const char* result, uint64_t count) {
      out.add(
          count,
          {{"protocol", protocol}, {"family", kFamilyNames[family]}, {"action", action}, {"result", result}});
    };
    const auto udp = [&](common::Counter UdpCounters::*counter) {
      return sum(
          state, [&](const WorkerCounters& w) -> auto& { return w.udp[family].*counter; });
    };
    const auto http = [&](common::Counter HttpTrackerCounters::*counter) {
      return sum(
          state, [&](const WorkerCounters& w) -> auto& { return w.http_tracker[family].*counter; });
    };
    const uint64_t udp_scrape_errors = udp(&UdpCounters::scrape_errors);
    add("udp", "connect", "ok", udp(&UdpCounters::connects));
    add("udp", "announce", "ok", udp(&UdpCounters::announces));
    add("udp", "announce", "refused", udp(&UdpCounters::errors) - udp_scrape_errors);
    add("udp", "scrape", "ok", udp(&UdpCounters::scrapes));
    add("udp", "scrape", "refused", udp_scrape_errors);
    const uint64_t http_scrape_failures = http(&HttpTrackerCounters::scrape_failures);
    add("http", "announce", "ok", http(&HttpTrackerCounters::announces));
    add("http", "announce", "refused", http(&HttpTrackerCounters::failures) - http_scrape_failures);
    add("http", "scrape", "ok", http(&HttpTrackerCounters::scrapes));
    add("http", "scrape", "refused", http_scrape_failures);
    add("http", "stats", "ok", http(&HttpTrackerCounters::stats));
    add("http", "stats", "refused", http(&HttpTrackerCounters::stats_denied));
    add("http", "other", "redirected", http(&HttpTrackerCounters::redirected));
    add("http", "other", "not_found", http(&HttpTrackerCounters::not_found));
  }
  out.counter("shoal_announces_total", "Announces by event; none includes paused.");
  for (const auto& row : kEvents) {
    out.add(sum(
                state, [&](const WorkerCounters& w) -> auto& { return w.announce.*row.counter; }),
            {{"event", row.label}});
  }
  out.counter("shoal_peers_sent_total", "Peers handed out in answers to announces.");
  out.add(sum(
      state, [](const WorkerCounters& w) -> auto& { return w.announce.peers_sent; }));
  out.counter("shoal_downloads_total", "Peers that reported a completed download for the first time.");
  out.add(sum(
      state, [](const WorkerCounters& w) -> auto& { return w.announce.downloads; }));
}

void add_request_times(Families& out, const NodeState& state) {
  out.histogram(
      "shoal_request_duration_seconds",
      "UDP: from the receipt of a batch of datagrams until its answers were handed to the kernel, for "
      "each answer. HTTP: to make an answer.");
  std::vector<const common::TimeHistogram*> http;
  for (const WorkerCounters* worker : state.workers) http.push_back(&worker->http.request_time);
  for (size_t family = 0; family < 2; ++family) {
    std::vector<const common::TimeHistogram*> udp;
    for (const WorkerCounters* worker : state.workers) udp.push_back(&worker->udp[family].request_time);
    out.add(udp, {{"protocol", "udp"}, {"family", kFamilyNames[family]}});
  }
  out.add(http, {{"protocol", "http"}, {"family", "any"}});
}

void add_clients(Families& out, const NodeState& state) {
  out.counter("shoal_client_announces_sampled_total",
              "One announce in 16, by the program its peer_id names; a claim of the client.");
  for (size_t number = 0; number < kClientNames; ++number) {
    out.add(sum(
                state, [&](const WorkerCounters& w) -> auto& { return w.announce.clients[number]; }),
            {{"client", std::string(client_name(number))}});
  }
}

void add_udp(Families& out, const NodeState& state) {
  const auto by_family = [&](common::Counter UdpCounters::*counter) {
    for (size_t family = 0; family < 2; ++family) {
      out.add(sum(
                  state, [&](const WorkerCounters& w) -> auto& { return w.udp[family].*counter; }),
              {{"family", kFamilyNames[family]}});
    }
  };
  out.counter("shoal_udp_datagrams_received_total", "Datagrams that reached the UDP tracker.");
  by_family(&UdpCounters::datagrams_received);
  out.counter("shoal_udp_datagrams_sent_total", "Answers sent by the UDP tracker (responses).");
  by_family(&UdpCounters::datagrams_sent);
  out.counter("shoal_udp_received_bytes_total", "UDP payload received by the tracker.");
  by_family(&UdpCounters::bytes_received);
  out.counter("shoal_udp_sent_bytes_total", "UDP payload sent by the tracker.");
  by_family(&UdpCounters::bytes_sent);
  out.counter(
      "shoal_udp_dropped_total",
      "Datagrams without an answer: malformed, with a bad connection id, from source port 0, from a denied "
      "network, over a client's rate, or whose answer the kernel did not take.");
  for (size_t family = 0; family < 2; ++family) {
    for (const auto& row : kUdpDrops) {
      out.add(sum(
                  state, [&](const WorkerCounters& w) -> auto& { return w.udp[family].*row.counter; }),
              {{"family", kFamilyNames[family]}, {"reason", row.label}});
    }
  }
}

void add_http(Families& out, const NodeState& state) {
  const auto total = [&](common::Counter HttpCounters::*counter) {
    return sum(
        state, [&](const WorkerCounters& w) -> auto& { return w.http.*counter; });
  };
  out.counter("shoal_http_connections_accepted_total", "HTTP tracker connections accepted.");
  out.add(total(&HttpCounters::connections_accepted));
  out.gauge("shoal_http_connections", "HTTP tracker connections open now.");
  out.add(total(&HttpCounters::connections_accepted) - total(&HttpCounters::connections_closed));
  out.counter(
      "shoal_http_connections_closed_by_limit_total",
      "HTTP tracker connections closed by this side: the one waited for longest to make room, or one that "
      "took longer "
      "than it may.");
  out.add(total(&HttpCounters::closed_for_room), {{"limit", "connections"}});
  out.add(total(&HttpCounters::closed_timeout), {{"limit", "time"}});
  out.counter("shoal_http_bad_requests_total", "Malformed HTTP requests, answered with 4xx or 5xx.");
  out.add(total(&HttpCounters::bad_requests));
  out.counter("shoal_http_received_bytes_total", "Bytes received by the HTTP tracker.");
  out.add(total(&HttpCounters::bytes_received));
  out.counter("shoal_http_sent_bytes_total", "Bytes sent by the HTTP tracker.");
  out.add(total(&HttpCounters::bytes_sent));
}

void add_store(Families& out, const NodeState& state) {
  const StoreTotals& store = state.store;
  out.gauge("shoal_swarms", "Swarms known, with at least one peer record.");
  out.add(store.swarms);
  out.gauge("shoal_peers",
            "Peer records by state and family; stopped ones are kept so that they stay stopped.");
  out.add(store.seeders_v4, {{"state", "seeder"}, {"family", "ipv4"}});
  out.add(store.leechers_v4, {{"state", "leecher"}, {"family", "ipv4"}});
  out.add(store.stopped_v4, {{"state", "stopped"}, {"family", "ipv4"}});
  out.add(store.seeders_v6, {{"state", "seeder"}, {"family", "ipv6"}});
  out.add(store.leechers_v6, {{"state", "leecher"}, {"family", "ipv6"}});
  out.add(store.stopped_v6, {{"state", "stopped"}, {"family", "ipv6"}});
  out.counter("shoal_peers_expired_total", "Live peers removed because they stopped announcing.");
  out.add(store.expired);
  out.counter("shoal_store_lock_waits_total", "Times a lock of the store had to be waited for.");
  out.add(store.lock_stalls);
  out.gauge("shoal_store_memory_bytes", "Memory allocated for swarms and peers.");
  out.add(store.memory_bytes);
}

void add_limits(Families& out, const NodeState& state) {
  out.counter("shoal_limit_hits_total",
              "Times a limit was hit; merged_swarms and merged_peers: records of other nodes that were not "
              "taken because this node holds twice its limit.");
  for (size_t i = 1; i < kLimits; ++i) out.add(state.limit_hits[i], {{"limit", std::string(kLimitNames[i])}});
}

void add_load(Families& out, const NodeState& state) {
  out.gauge("shoal_announces_per_second", "Announces at this node, smoothed.");
  out.add(state.announces_per_s);
  out.gauge("shoal_interval_seconds", "Interval that clients are told, before the jitter.");
  out.add(static_cast<double>(state.interval_s));
}

constexpr std::array<std::pair<const char*, Refusal>, 5> kRefusalNames = {
    {{"swarm", Refusal::swarm},
     {"client", Refusal::client},
     {"network", Refusal::network},
     {"private_address", Refusal::private_address},
     {"full", Refusal::full}}};

void add_access(Families& out, const NodeState& state) {
  out.counter("shoal_announces_refused_total", "Announces answered with a failure, by what is not allowed.");
  for (const auto& [label, refusal] : kRefusalNames) {
    const auto index = static_cast<size_t>(refusal);
    out.add(sum(
                state, [index](const WorkerCounters& w) -> auto& { return w.announce.refused[index]; }),
            {{"reason", label}});
  }
  const AccessStatus& access = state.access;
  out.gauge("shoal_access_file_entries", "Entries of the access list's file.");
  out.add(access.file_entries);
  out.gauge("shoal_access_changes", "Entries of the access list changed at run time.");
  out.add(access.changes);
  out.counter("shoal_access_changes_refused_total", "Changes beyond what can be changed at run time.");
  out.add(access.refused_changes);
  out.counter("shoal_access_bad_lines_total", "Lines of the access FIFOs that are no info_hashes.");
  out.add(access.bad_lines);
  out.counter("shoal_access_swarms_dropped_total", "Swarms removed because they are no longer served.");
  out.add(access.swarms_dropped);
  out.counter("shoal_access_reloads_total",
              "Reloads that read the access list, by whether it could be used.");
  out.add(access.reloads, {{"result", "ok"}});
  out.add(access.reloads_failed, {{"result", "failed"}});
  out.counter("shoal_access_state_write_failures_total", "Times access.state_file could not be written.");
  out.add(access.state_writes_failed);
}

void add_keys(Families& out, const NodeState& state) {
  out.counter("shoal_reloads_total",
              "Reloads, by whether everything could be used; else nothing has changed.");
  out.add(state.reloads, {{"result", "ok"}});
  out.add(state.reloads_failed, {{"result", "failed"}});
  out.gauge("shoal_options_need_restart", "Options that have changed, as last read, and need a restart.");
  out.add(state.need_restart.size());
  out.counter("shoal_key_reloads_total", "Reloads that read the key files, by whether they could be used.");
  out.add(state.key_reloads, {{"result", "ok"}});
  out.add(state.key_reloads_failed, {{"result", "failed"}});
}

// Of a file that is written again and again; `family` begins the names.
template <class Status>
void add_writings(Families& out, const std::string& family, const std::string& option, const Status& status) {
  out.counter(family + "_writes_total", "Writings of " + option + ", by result.");
  out.add(status.written, {{"result", "ok"}});
  out.add(status.failed, {{"result", "failed"}});
  out.gauge(family + "_last_time_seconds", "Unix time of the last good writing; 0: none yet.");
  out.add(static_cast<double>(status.last_unix_ms) / 1000);
  out.gauge(family + "_last_bytes", "Size of the file.");
  out.add(status.last_bytes);
  out.gauge(family + "_last_duration_seconds", "How long the last good writing took.");
  out.add(static_cast<double>(status.last_took_ms) / 1000);
}

void add_snapshot(Families& out, const SnapshotStatus& snapshot) {
  add_writings(out, "shoal_snapshot", "node.snapshot", snapshot);
  out.gauge("shoal_snapshot_interval_seconds", "node.snapshot_interval_s; 0: written at the end only.");
  out.add(static_cast<uint64_t>(snapshot.interval_s));
  out.gauge("shoal_snapshot_refused", "1 when the file found at start was of no use and set aside.");
  out.add(snapshot.refused);
}

void add_dumps(Families& out, const DumpCounts& dumps) {
  out.counter("shoal_full_scrapes_total", "Full scrapes begun, and those refused, by reason.");
  out.add(dumps.begun, {{"result", "begun"}});
  out.add(dumps.refused_too_often, {{"result", "refused_too_often"}});
  out.add(dumps.refused_busy, {{"result", "refused_busy"}});
  out.counter("shoal_full_scrape_bytes_total", "Bytes of full scrapes, as compressed.");
  out.add(dumps.bytes);
}

}  // namespace

std::string metrics_text(const NodeState& state) {
  Families out;
  add_node(out, state);
  add_requests(out, state);
  add_request_times(out, state);
  add_clients(out, state);
  add_udp(out, state);
  add_http(out, state);
  add_store(out, state);
  add_limits(out, state);
  add_load(out, state);
  add_access(out, state);
  add_dumps(out, state.dumps);
  add_keys(out, state);
  if (state.snapshot) add_snapshot(out, *state.snapshot);
  if (state.exports) add_writings(out, "shoal_export", "admin.export_file", *state.exports);
  if (state.sync) {
    add_sync_metrics(out, state);
    add_pull_metrics(out, state);
  }
  return out.text();
}

}  // namespace shoal::node
