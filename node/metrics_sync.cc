#include "node/metrics_sync.h"

namespace shoal::node {

namespace {

void add_sync(Families& out, const NodeState& state) {
  const sync::Stats& stats = state.sync->stats;
  out.counter("shoal_sync_datagrams_total", "Datagrams of the sync channel.");
  out.add(stats.datagrams_sent, {{"direction", "sent"}});
  out.add(stats.datagrams_received, {{"direction", "received"}});
  out.counter("shoal_sync_bytes_total", "UDP payload of the sync channel.");
  out.add(stats.bytes_sent, {{"direction", "sent"}});
  out.add(stats.bytes_received, {{"direction", "received"}});
  out.counter("shoal_sync_deltas_published_total",
              "Changes of peers announced here and told to the cluster.");
  out.add(stats.deltas_published);
  out.counter("shoal_sync_deltas_received_total", "Changes of peers heard from other nodes.");
  out.add(stats.deltas_received);
  out.counter("shoal_sync_deltas_applied_total", "Of those received: news here.");
  out.add(stats.deltas_applied);
  out.counter("shoal_sync_delta_packets_sent_total",
              "Packets of changes, each once whatever the number of receivers.");
  out.add(stats.delta_packets_sent);
  out.counter("shoal_sync_delta_packets_lost_total",
              "Packets of other nodes' changes that will not come any more.");
  out.add(stats.packets_lost);
  out.counter("shoal_sync_nacks_total", "Requests for packets that did not come.");
  out.add(stats.nacks_sent, {{"direction", "sent"}});
  out.add(stats.nacks_received, {{"direction", "received"}});
  out.counter("shoal_sync_packets_resent_total", "Packets sent again because another node missed them.");
  out.add(stats.packets_resent);
  out.counter("shoal_sync_challenges_sent_total", "Nodes, or runs of a node, asked to prove that they run.");
  out.add(stats.challenges_sent);
}

void add_drops(Families& out, const NodeState& state) {
  const sync::Stats& stats = state.sync->stats;
  out.counter("shoal_sync_dropped_total",
              "Datagrams dropped by the sync channel; queue: deltas that found a worker's queue full; send: "
              "datagrams the kernel did not take; repair: packets asked for beyond what one member may ask.");
  out.add(stats.dropped_malformed, {{"reason", "malformed"}});
  out.add(stats.dropped_foreign, {{"reason", "foreign"}});
  out.add(stats.dropped_unauthentic, {{"reason", "unauthentic"}});
  out.add(stats.dropped_replayed, {{"reason", "replayed"}});
  out.add(stats.dropped_untrusted, {{"reason", "untrusted"}});
  out.add(stats.dropped_stale, {{"reason", "stale"}});
  out.add(stats.dropped_refused, {{"reason", "refused"}});
  out.add(stats.dropped_repair, {{"reason", "repair"}});
  out.add(state.queue_dropped, {{"reason", "queue"}});
  out.add(state.sync_dropped_send, {{"reason", "send"}});
}

void add_pull_connections(Families& out, const NodeState& state) {
  const PullServerCounters& server = *state.pull_server;
  const PullClientCounters& client = *state.pull_client;
  out.counter("shoal_sync_pull_connections_total",
              "TCP connections of pulls: accepted from others, made to others.");
  out.add(server.connections.value(), {{"direction", "accepted"}});
  out.add(client.connections.value(), {{"direction", "made"}});
  out.counter(
      "shoal_sync_pull_connections_dropped_total",
      "Of the accepted ones, closed: to make room; late: the request was not there in time; request: it "
      "was none or was refused; slow: the answer was not taken in time; broken: by the other side before "
      "its end. Of those made: connect: none in time; idle: nothing came any more; broken: reset.");
  out.add(server.dropped_room.value(), {{"direction", "accepted"}, {"reason", "room"}});
  out.add(server.dropped_late.value(), {{"direction", "accepted"}, {"reason", "late"}});
  out.add(server.dropped_request.value(), {{"direction", "accepted"}, {"reason", "request"}});
  out.add(server.dropped_slow.value(), {{"direction", "accepted"}, {"reason", "slow"}});
  out.add(server.dropped_broken.value(), {{"direction", "accepted"}, {"reason", "broken"}});
  out.add(client.dropped_connect.value(), {{"direction", "made"}, {"reason", "connect"}});
  out.add(client.dropped_idle.value(), {{"direction", "made"}, {"reason", "idle"}});
  out.add(client.dropped_broken.value(), {{"direction", "made"}, {"reason", "broken"}});
}

void add_members(Families& out, const NodeState& state) {
  const auto& members = state.sync->members;
  out.gauge("shoal_sync_member_up", "1 when the member is alive, 0 when it is suspect or down.");
  for (const auto& m : members)
    out.add(m.state == sync::MemberState::alive ? 1.0 : 0.0, {{"member", m.name}});
  out.gauge("shoal_sync_member_heard_seconds", "Time since the member was last heard.");
  for (const auto& m : members) out.add(static_cast<double>(m.heard_ago_ms) / 1000, {{"member", m.name}});
  out.counter("shoal_sync_member_deltas_received_total", "Deltas received from the member.");
  for (const auto& m : members) out.add(m.deltas_received, {{"member", m.name}});
  out.gauge("shoal_sync_member_missing", "Delta packets of the member that have not come yet.");
  for (const auto& m : members) out.add(m.missing, {{"member", m.name}});
  out.gauge("shoal_sync_member_lost",
            "Delta packets of the member's present run that will not come any more.");
  for (const auto& m : members) out.add(m.lost, {{"member", m.name}});
  out.gauge("shoal_sync_member_refused",
            "1 when this node refuses the member; the log and status.json say why.");
  for (const auto& m : members) out.add(m.refused.empty() ? 0.0 : 1.0, {{"member", m.name}});
  out.gauge("shoal_sync_member_round_trip_seconds", "Smoothed; 0: not measured yet.");
  for (const auto& m : members) {
    out.add(static_cast<double>(m.round_trip_us) / 1'000'000, {{"member", m.name}});
  }
  out.gauge("shoal_sync_member_clock_offset_seconds", "The member's wall clock minus this node's.");
  for (const auto& m : members) out.add(static_cast<double>(m.clock_offset_ms) / 1000, {{"member", m.name}});
}

}  // namespace

void add_sync_metrics(Families& out, const NodeState& state) {
  add_sync(out, state);
  add_drops(out, state);
  add_pull_connections(out, state);
  if (!state.sync->members.empty()) add_members(out, state);
}

}  // namespace shoal::node
