#include "node/admin/metrics_sync.h"

#include <array>
#include <utility>

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
  out.counter("shoal_sync_access_changes_total",
              "Changes of the access list heard from other nodes, by result.");
  out.add(stats.access_changes_applied, {{"result", "applied"}});
  out.add(stats.access_changes_refused, {{"result", "refused"}});
  out.histogram(
      "shoal_sync_lag_seconds",
      "From when a packet of another node was sent until its changes were merged here, for each change.");
  out.add_histogram(sync::LagHistogram::kBoundsMs, 1000, stats.lag.counts, stats.lag.sum_ms);
  out.counter("shoal_sync_stalls_total", "Times this node itself stood still for a second or more.");
  out.add(stats.stalls);
  out.gauge("shoal_sync_deltas_waiting", "Changes of peers that wait to be sent.");
  out.add(static_cast<double>(state.sync->waiting));
  out.gauge("shoal_clock_ahead_seconds", "This machine's clock minus the time of the cluster.");
  out.add(static_cast<double>(state.sync->wall_ahead_ms) / 1000);
  out.counter("shoal_clock_steps_total", "Times the cluster's time here was set to that of the others.");
  out.add(stats.clock_steps);
  out.counter("shoal_clock_jumps_total", "Times this machine's clock was set.");
  out.add(stats.wall_jumps);
  out.counter("shoal_sync_challenges_sent_total", "Nodes, or runs of a node, asked to prove that they run.");
  out.add(stats.challenges_sent);
}

void add_drops(Families& out, const NodeState& state) {
  const sync::Stats& stats = state.sync->stats;
  out.counter(
      "shoal_sync_dropped_total",
      "Datagrams dropped by the sync channel; queue: deltas that found a worker's queue full; send: "
      "datagrams the kernel did not take; receive: those it had no room to keep until they were read; "
      "repair: packets asked for beyond what one member may ask; pace: "
      "deltas that found no room to wait in; unsent: deltas not told, since this node stood still or its "
      "time was corrected; alone: deltas announced while no other node was there to be told.");
  out.add(stats.dropped_malformed, {{"reason", "malformed"}});
  out.add(stats.dropped_foreign, {{"reason", "foreign"}});
  out.add(stats.dropped_unauthentic, {{"reason", "unauthentic"}});
  out.add(stats.dropped_replayed, {{"reason", "replayed"}});
  out.add(stats.dropped_untrusted, {{"reason", "untrusted"}});
  out.add(stats.dropped_stale, {{"reason", "stale"}});
  out.add(stats.dropped_late, {{"reason", "late"}});
  out.add(stats.dropped_unsent, {{"reason", "unsent"}});
  out.add(stats.dropped_refused, {{"reason", "refused"}});
  out.add(stats.dropped_repair, {{"reason", "repair"}});
  out.add(stats.dropped_pace, {{"reason", "pace"}});
  out.add(state.queue_dropped, {{"reason", "queue"}});
  out.add(state.sync_dropped_send, {{"reason", "send"}});
  out.add(state.sync_dropped_receive, {{"reason", "receive"}});
  out.add(stats.dropped_alone, {{"reason", "alone"}});
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
  out.gauge("shoal_sync_member_loss_ratio",
            "Share of delta packets that did not come at first, lately: of the member's here (in), of ours "
            "there (out).");
  for (const auto& m : members) {
    out.add(m.loss_in_permille / 1000.0, {{"member", m.name}, {"direction", "in"}});
    out.add(m.loss_out_permille / 1000.0, {{"member", m.name}, {"direction", "out"}});
  }
  out.gauge("shoal_sync_member_state", "1 for the state the member is in, 0 for the others.");
  for (const auto& m : members) {
    for (const sync::MemberState state : sync::kMemberStates) {
      out.add(m.state == state ? 1.0 : 0.0, {{"member", m.name}, {"state", std::string(to_string(state))}});
    }
  }
  out.gauge("shoal_sync_member_lag_seconds",
            "From when the member sent a packet until its changes were merged here, smoothed.");
  for (const auto& m : members) out.add(static_cast<double>(m.lag_us) / 1'000'000, {{"member", m.name}});
  out.counter("shoal_sync_member_late_total", "Delta packets of the member that had to be asked for.");
  for (const auto& m : members) out.add(m.late, {{"member", m.name}});
  out.counter("shoal_sync_member_repaired_total", "Of those: have come since.");
  for (const auto& m : members) out.add(m.repaired, {{"member", m.name}});
  out.counter("shoal_sync_member_nacks_sent_total", "Requests to the member for packets that did not come.");
  for (const auto& m : members) out.add(m.nacks_sent, {{"member", m.name}});
  out.counter("shoal_sync_member_received_bytes_total", "UDP payload of the sync channel from the member.");
  for (const auto& m : members) out.add(m.bytes_received, {{"member", m.name}});
  out.gauge("shoal_sync_member_load_ratio", "Share of its CPUs that the member uses.");
  for (const auto& m : members) out.add(m.load_permille / 1000.0, {{"member", m.name}});
}

}  // namespace

void add_sync_metrics(Families& out, const NodeState& state) {
  add_sync(out, state);
  add_drops(out, state);
  if (!state.sync->members.empty()) add_members(out, state);
}

}  // namespace shoal::node
