#include "node/admin/metrics_pulls.h"

namespace shoal::node {

namespace {

void add_digests(Families& out, const NodeState& state) {
  const sync::Stats& stats = state.sync->stats;
  out.gauge("shoal_sync_synced", "1 when this node holds what the cluster holds, as far as it knows.");
  out.add(state.sync->phase == sync::SyncPhase::synced ? 1.0 : 0.0);
  out.counter("shoal_sync_digests_sent_total", "Rounds in which this node told its digests.");
  out.add(stats.digests_sent);
  out.counter("shoal_sync_digests_compared_total", "Digests of members compared with our own.");
  out.add(stats.digests_compared);
  out.counter("shoal_sync_digests_differing_total", "Of those compared: some tick differed.");
  out.add(stats.digests_differing);
}

void add_pulls(Families& out, const NodeState& state) {
  const sync::Stats& stats = state.sync->stats;
  out.counter(
      "shoal_sync_pulls_total",
      "Pulls by this node. failed: broken off, silent for too long, or damaged; refused: the donor closed "
      "without a word.");
  out.add(stats.pulls_started, {{"result", "started"}});
  out.add(stats.pulls_finished, {{"result", "finished"}});
  out.add(stats.pulls_failed, {{"result", "failed"}});
  out.add(stats.pulls_refused, {{"result", "refused"}});
  out.counter("shoal_sync_donations_total",
              "Pulls by others from this node. refused: too many were underway; rejected: the request was "
              "malformed, unauthentic, replayed, or not for this run of this node.");
  out.add(stats.donations_started, {{"result", "started"}});
  out.add(stats.donations_finished, {{"result", "finished"}});
  out.add(stats.donations_refused, {{"result", "refused"}});
  out.add(stats.dropped_requests, {{"result", "rejected"}});
  out.counter("shoal_sync_pull_bytes_total", "Bytes of pulls, taken by this node and given to others.");
  out.add(stats.pulled_bytes, {{"direction", "received"}});
  out.add(stats.donated_bytes, {{"direction", "sent"}});
  out.counter("shoal_sync_pull_records_total", "Records of pulls, taken by this node and given to others.");
  out.add(stats.pulled_records, {{"direction", "received"}});
  out.add(stats.donated_records, {{"direction", "sent"}});
  out.counter("shoal_sync_pull_records_applied_total", "Of those taken: news here.");
  out.add(stats.pulled_applied);
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

void add_member_pulls(Families& out, const NodeState& state) {
  const auto& members = state.sync->members;
  out.gauge("shoal_sync_member_synced", "1 when the member says that its state is complete.");
  for (const auto& m : members) out.add(m.synced ? 1.0 : 0.0, {{"member", m.name}});
  out.gauge("shoal_sync_member_differing",
            "Ticks in which its records and ours differed when they were last compared.");
  for (const auto& m : members) out.add(static_cast<double>(m.differing), {{"member", m.name}});
}

}  // namespace

void add_pull_metrics(Families& out, const NodeState& state) {
  add_digests(out, state);
  add_pulls(out, state);
  add_pull_connections(out, state);
  if (!state.sync->members.empty()) add_member_pulls(out, state);
}

}  // namespace shoal::node
