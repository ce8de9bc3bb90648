#include "node/admin/status_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "common/hex.h"
#include "node/config/option_values.h"
#include "node/config/version.h"
#include "node/status/problems.h"
#include "node/status/request_totals.h"
#include "proto/sync_header.h"

namespace shoal::node {

namespace {

using Json = nlohmann::ordered_json;

// 64-bit ids are text, since many JSON readers round large numbers.
using common::node_id_text;

std::string protocol(uint32_t minor) {
  return std::to_string(proto::kSyncMajor) + "." + std::to_string(minor);
}

// Empty: none.
std::string address_text(const std::optional<common::Endpoint>& address) {
  return address ? common::to_string(*address) : "";
}

Json requests_json(const NodeState& state) {
  const RequestTotals totals = request_totals(state);
  return {{"udp_connects", totals.udp_connects},
          {"udp_announces", totals.udp_announces},
          {"udp_scrapes", totals.udp_scrapes},
          {"udp_errors", totals.udp_errors},
          {"udp_dropped", totals.udp_dropped},
          {"http_announces", totals.http_announces},
          {"http_scrapes", totals.http_scrapes},
          {"http_failures", totals.http_failures},
          {"http_bad_requests", totals.http_bad_requests},
          {"http_connections", totals.http_connections}};
}

Json members_json(const sync::Status& status) {
  Json members = Json::array();
  for (const sync::MemberStatus& member : status.members) {
    members.push_back({{"name", member.name},
                       {"id", node_id_text(member.id)},
                       {"incarnation", node_id_text(member.incarnation)},
                       {"address", common::to_string(member.address)},
                       {"state", to_string(member.state)},
                       {"heard_ago_ms", member.heard_ago_ms},
                       {"multicast", member.multicast},
                       {"datagrams_received", member.datagrams_received},
                       {"deltas_received", member.deltas_received},
                       {"missing", member.missing},
                       {"lost", member.lost},
                       {"late", member.late},
                       {"repaired", member.repaired},
                       {"lag_us", member.lag_us},
                       {"bytes_received", member.bytes_received},
                       {"nacks_sent", member.nacks_sent},
                       {"round_trip_us", member.round_trip_us},
                       {"clock_offset_ms", member.clock_offset_ms},
                       {"loss_in_permille", member.loss_in_permille},
                       {"loss_out_permille", member.loss_out_permille},
                       {"load_permille", member.load_permille},
                       {"keys", sync::to_text(member.key_ids)},
                       {"protocol", protocol(member.protocol_minor)},
                       {"version", member.version},
                       {"site", member.site},
                       {"forwards", member.forwards},
                       {"synced", member.synced},
                       {"differing", member.differing},
                       {"agreed_ago_ms", member.agreed_ago_ms},
                       {"partial", member.partial},
                       {"refused", member.refused},
                       {"namesake", address_text(member.namesake)},
                       {"heard_by", member.heard_by},
                       {"answers_pulls", member.answers_pulls},
                       {"pull_trouble", member.pull_trouble}});
  }
  return members;
}

Json peers_json(const sync::Status& status) {
  Json peers = Json::array();
  for (const sync::PeerStatus& peer : status.peers) {
    peers.push_back({{"peer", peer.peer}, {"sight", to_string(peer.sight)}, {"text", peer.text}});
  }
  return peers;
}

Json strangers_json(const sync::Status& status) {
  Json strangers = Json::array();
  for (const sync::StrangerStatus& one : status.strangers) {
    strangers.push_back({{"address", common::to_string(one.address)},
                         {"kind", one.kind},
                         {"text", one.text},
                         {"datagrams", one.datagrams},
                         {"heard_ago_ms", one.heard_ago_ms}});
  }
  return strangers;
}

uint64_t dropped_pull_connections(const NodeState& state) {
  const PullServerCounters& server = *state.pull_server;
  const PullClientCounters& client = *state.pull_client;
  return server.dropped_room.value() + server.dropped_late.value() + server.dropped_request.value() +
         server.dropped_slow.value() + server.dropped_broken.value() + client.dropped_connect.value() +
         client.dropped_idle.value() + client.dropped_broken.value();
}

Json sync_json(const NodeState& state) {
  const sync::Stats& stats = state.sync->stats;
  return {{"datagrams_sent", stats.datagrams_sent},
          {"bytes_sent", stats.bytes_sent},
          {"datagrams_received", stats.datagrams_received},
          {"bytes_received", stats.bytes_received},
          {"deltas_published", stats.deltas_published},
          {"deltas_received", stats.deltas_received},
          {"deltas_applied", stats.deltas_applied},
          {"delta_packets_sent", stats.delta_packets_sent},
          {"stalls", stats.stalls},
          {"waiting", state.sync->waiting},
          {"packets_lost", stats.packets_lost},
          {"packets_resent", stats.packets_resent},
          {"nacks_sent", stats.nacks_sent},
          {"nacks_received", stats.nacks_received},
          {"deltas_aside", stats.deltas_aside},
          {"hashes_asked", stats.hashes_asked},
          {"hashes_told", stats.hashes_told},
          {"challenges_sent", stats.challenges_sent},
          {"dropped_pace", stats.dropped_pace},
          {"dropped_repair", stats.dropped_repair},
          {"dropped_untrusted", stats.dropped_untrusted},
          {"dropped_refused", stats.dropped_refused},
          {"dropped_malformed", stats.dropped_malformed},
          {"dropped_foreign", stats.dropped_foreign},
          {"dropped_unauthentic", stats.dropped_unauthentic},
          {"dropped_replayed", stats.dropped_replayed},
          {"dropped_stale", stats.dropped_stale},
          {"dropped_late", stats.dropped_late},
          {"dropped_unsent", stats.dropped_unsent},
          {"dropped_queue", state.queue_dropped},
          {"dropped_send", state.sync_dropped_send},
          {"dropped_receive", state.sync_dropped_receive},
          {"dropped_web_refused", stats.web_records_refused},
          {"dropped_web_kept", stats.web_deltas_kept},
          {"dropped_aside", stats.dropped_aside},
          {"dropped_alone", stats.dropped_alone}};
}

std::string_view phase_text(sync::SyncPhase phase) {
  switch (phase) {
    case sync::SyncPhase::waiting:
      return "waiting";
    case sync::SyncPhase::bootstrapping:
      return "bootstrapping";
    case sync::SyncPhase::checking:
      return "checking";
    case sync::SyncPhase::synced:
      return "synced";
  }
  return "?";
}

Json pulls_json(const NodeState& state) {
  const sync::Stats& stats = state.sync->stats;
  return {{"phase", phase_text(state.sync->phase)},
          {"digests_sent", stats.digests_sent},
          {"digests_compared", stats.digests_compared},
          {"digests_differing", stats.digests_differing},
          {"pulls_started", stats.pulls_started},
          {"pulls_finished", stats.pulls_finished},
          {"pulls_failed", stats.pulls_failed},
          {"pulls_refused", stats.pulls_refused},
          {"pulls_unconnected", stats.pulls_unconnected},
          {"pulled_bytes", stats.pulled_bytes},
          {"pull_request_bytes", stats.pull_request_bytes},
          {"pulled_records", stats.pulled_records},
          {"pulled_applied", stats.pulled_applied},
          {"sketches_sent", stats.sketches_sent},
          {"sketches_too_small", stats.sketches_too_small},
          {"donations_started", stats.donations_started},
          {"donations_finished", stats.donations_finished},
          {"donations_refused", stats.donations_refused},
          {"donated_bytes", stats.donated_bytes},
          {"donated_records", stats.donated_records},
          {"dropped_requests", stats.dropped_requests},
          {"dropped_connections", dropped_pull_connections(state)}};
}

Json clock_json(const sync::Status& status) {
  return {{"ahead_ms", status.wall_ahead_ms},
          {"off", status.wall_off},
          {"steps", status.stats.clock_steps},
          {"jumps", status.stats.wall_jumps}};
}

Json access_json(const AccessStatus& access) {
  return {{"mode", to_string(access.mode)},
          {"file_entries", access.file_entries},
          {"denied_networks", access.denied_networks},
          {"changes", access.changes},
          {"refused_changes", access.refused_changes},
          {"bad_lines", access.bad_lines},
          {"swarms_dropped", access.swarms_dropped},
          {"reloads", access.reloads},
          {"reloads_failed", access.reloads_failed},
          {"state_writes_failed", access.state_writes_failed}};
}

Json places_json(const PlaceStatus& places) {
  Json out = {{"index_bounds", places.index_bounds}, {"index_bytes", places.index_bytes}};
  out["counted_unix_ms"] = places.counts ? Json(places.counts->unix_ms) : Json(nullptr);
  const PlaceCounts counts = places.counts ? *places.counts : PlaceCounts{};
  Json countries = Json::array();
  for (const auto& one : counts.countries) {
    countries.push_back(
        {{"country", std::string(one.country.begin(), one.country.end())}, {"peers", one.peers}});
  }
  Json asns = Json::array();
  for (const auto& one : counts.asns) asns.push_back({{"asn", one.asn}, {"peers", one.peers}});
  out["took_ms"] = counts.took_ms;
  out["peers"] = counts.peers;
  out["countries"] = std::move(countries);
  out["peers_of_no_country"] = counts.peers_of_no_country;
  out["asns"] = std::move(asns);
  out["asns_beyond"] = counts.asns_beyond;
  out["peers_beyond"] = counts.peers_beyond;
  out["peers_of_no_asn"] = counts.peers_of_no_asn;
  return out;
}

Json xdp_json(const ShieldStatus& shield) {
  Json interfaces = Json::array();
  for (const ShieldInterface& one : shield.interfaces) {
    interfaces.push_back({{"interface", one.name},
                          {"mode", one.mode},
                          {"attached", one.attached()},
                          {"trouble", one.trouble}});
  }
  Json packets = Json::object();
  for (size_t i = 0; i < kShieldDecisions; ++i) {
    packets[std::string(to_string(static_cast<ShieldDecision>(i)))] =
        shield.decisions[0].packets[i] + shield.decisions[1].packets[i];
  }
  return {{"interfaces", std::move(interfaces)},
          {"addresses", shield.targets},
          {"addresses_left_out", shield.targets_left_out},
          {"networks_left_out", shield.networks_left_out},
          {"packets", std::move(packets)}};
}

Json tls_json(const NodeState& state) {
  Json certificates = Json::array();
  for (const TlsCertificateInfo& one : state.certificates) {
    certificates.push_back({{"file", one.file},
                            {"subject", one.subject},
                            {"names", one.names},
                            {"not_after_unix_s", one.not_after_unix_s},
                            {"fingerprint", one.fingerprint}});
  }
  const TlsTotals totals = tls_totals(state);
  return {{"handshakes_full", totals.full},     {"handshakes_resumed", totals.resumed},
          {"handshakes_failed", totals.failed}, {"connections_1_2", totals.open[0]},
          {"connections_1_3", totals.open[1]},  {"certificates", std::move(certificates)}};
}

Json websocket_json(const NodeState& state) {
  const WebTotals totals = web_totals(state);
  return {
      {"connections", totals.connections}, {"refused", totals.refused},   {"announces", totals.announces},
      {"scrapes", totals.scrapes},         {"failures", totals.failures}, {"offers", totals.offers},
      {"answers", totals.answers},         {"lost", totals.lost},         {"violations", totals.violations}};
}

Json feeds_list(const std::vector<FeedStatus>& feeds) {
  Json list = Json::array();
  for (const FeedStatus& feed : feeds) {
    list.push_back({{"name", feed.name},
                    {"kind", to_string(feed.kind)},
                    {"place", feed.place},
                    {"refresh_s", feed.refresh_s},
                    {"entries", feed.entries},
                    {"bad_lines", feed.bad_lines},
                    {"fetched_unix_ms", feed.fetched_unix_ms},
                    {"checked_unix_ms", feed.checked_unix_ms},
                    {"age_s", feed.age_s ? Json(*feed.age_s) : Json(nullptr)},
                    {"result", to_string(feed.result)},
                    {"reason", feed.reason},
                    {"copy_error", feed.copy_error},
                    {"failures", feed.failures},
                    {"fetching", feed.fetching},
                    {"next_in_ms", feed.next_in_ms},
                    {"changed", feed.changed},
                    {"unchanged", feed.unchanged},
                    {"failed", feed.failed}});
  }
  return list;
}

Json bans_json(const NodeState& state) {
  Json made = Json::object();
  Json would_be = Json::object();
  for (size_t i = 0; i < proto::kOffences; ++i) {
    const std::string offence(to_string(static_cast<proto::Offence>(i)));
    made[offence] = state.bans.made[i];
    would_be[offence] = state.bans.made_dry[i];
  }
  const RequestTotals totals = request_totals(state);
  return {{"mode", to_string(state.bans.mode)},
          {"in_force", state.bans.in_force},
          {"would_be_in_force", state.bans.dry},
          {"remembered", state.bans.remembered},
          {"made", made},
          {"would_be_made", would_be},
          {"requests_refused", totals.banned},
          {"requests_would_be_refused", totals.would_ban},
          {"spared", state.bans.spared},
          {"dropped", state.bans.dropped}};
}

Json snapshot_json(const SnapshotStatus& snapshot) {
  const auto loading = snapshot.loading_percent;
  return {{"loading_percent", loading ? Json(*loading) : Json(nullptr)},
          {"loaded", snapshot.loaded},
          {"left_out", snapshot.left_out},
          {"refused", snapshot.refused},
          {"written", snapshot.written},
          {"failed", snapshot.failed},
          {"last_unix_ms", snapshot.last_unix_ms},
          {"last_records", snapshot.last_records},
          {"last_bytes", snapshot.last_bytes},
          {"last_took_ms", snapshot.last_took_ms}};
}

// Of the last five minutes, in microseconds; null where nothing happened.
Json latency_json(const NodeState& state) {
  Json out = Json::object();
  for (size_t i = 0; i < kTimings; ++i) {
    const auto& times = state.latency[i];
    const std::string name = std::string(to_string(static_cast<Timing>(i))) + "_us";
    out[name] = times ? Json{{"p50", std::llround(times->p50_us)},
                             {"p95", std::llround(times->p95_us)},
                             {"p99", std::llround(times->p99_us)}}
                      : Json(nullptr);
  }
  return out;
}

Json problems_json(const NodeState& state) {
  Json out = Json::array();
  for (const Problem& problem : problems_of(state)) {
    out.push_back({{"severity", to_string(problem.severity)}, {"text", problem.text}});
  }
  return out;
}

std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace

std::string members_json(const NodeState& state) {
  return dump({{"node", state.name}, {"members", state.sync ? members_json(*state.sync) : Json::array()}});
}

std::string feeds_json(const std::vector<FeedStatus>& feeds) { return dump({{"feeds", feeds_list(feeds)}}); }

std::string status_json(const NodeState& state) {
  Json json;
  json["node"] = {{"name", state.name},
                  {"id", state.sync ? Json(node_id_text(state.sync->id)) : Json(nullptr)},
                  {"incarnation", state.sync ? Json(node_id_text(state.sync->incarnation)) : Json(nullptr)},
                  {"version", version()},
                  {"protocol", protocol(proto::kSyncMinor)},
                  {"uptime_s", state.uptime_s},
                  {"ready", state.readiness.ready},
                  {"reason", state.readiness.reason},
                  {"cluster", state.cluster},
                  {"sync", state.sync.has_value()},
                  {"alone", state.sync && state.sync->alone ? sync::alone_text(state.sync->peers) : ""},
                  {"name_taken_by", state.sync ? address_text(state.sync->name_taken_by) : ""},
                  {"namesake", state.sync ? address_text(state.sync->namesake) : ""},
                  {"held", !state.sync || state.sync->held}};
  json["swarms"] = state.store.swarms;
  json["peers"] = {{"seeders_v4", state.store.seeders_v4},   {"leechers_v4", state.store.leechers_v4},
                   {"stopped_v4", state.store.stopped_v4},   {"seeders_v6", state.store.seeders_v6},
                   {"leechers_v6", state.store.leechers_v6}, {"stopped_v6", state.store.stopped_v6},
                   {"seeders_web", state.store.seeders_web}, {"leechers_web", state.store.leechers_web},
                   {"stopped_web", state.store.stopped_web}};
  json["memory_bytes"] = state.store.memory_bytes;
  json["memory_limit_bytes"] = state.store.memory_limit_bytes;
  json["evicted"] = {{"swarms", state.store.evicted_swarms}, {"records", state.store.evicted_records}};
  json["requests"] = requests_json(state);
  json["members"] = state.sync ? members_json(*state.sync) : Json::array();
  json["sync_peers"] = state.sync ? peers_json(*state.sync) : Json::array();
  json["strangers"] = state.sync ? strangers_json(*state.sync) : Json::array();
  json["sync"] = state.sync ? sync_json(state) : Json(nullptr);
  json["clock"] = state.sync ? clock_json(*state.sync) : Json(nullptr);
  json["pulls"] = state.sync ? pulls_json(state) : Json(nullptr);
  json["keys"] = {
      {"ids", state.key_ids}, {"reloads", state.key_reloads}, {"reloads_failed", state.key_reloads_failed}};
  json["reload"] = {{"reloads", state.reloads},
                    {"reloads_failed", state.reloads_failed},
                    {"error", state.reload_error},
                    {"need_restart", state.need_restart}};
  json["interval_s"] = state.interval_s;
  json["announces_per_s"] = state.announces_per_s;
  json["access"] = access_json(state.access);
  json["places"] = state.places ? places_json(*state.places) : Json(nullptr);
  json["xdp"] = state.shield ? xdp_json(*state.shield) : Json(nullptr);
  json["feeds"] = feeds_list(state.feeds);
  json["bans"] = bans_json(state);
  json["latency"] = latency_json(state);
  json["problems"] = problems_json(state);
  json["websocket"] = state.web_hub != nullptr ? websocket_json(state) : Json(nullptr);
  json["tls"] = state.tls ? tls_json(state) : Json(nullptr);
  json["snapshot"] = state.snapshot ? snapshot_json(*state.snapshot) : Json(nullptr);
  return dump(json);
}

}  // namespace shoal::node
