// The metrics of the sync channel: datagrams, deltas, repair, clock, digests and pulls, members.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "node/admin/metric_rows.h"

namespace shoal::node::metric_rows {

namespace {

// Readers of the counters in sync::Stats.
using Count = uint64_t sync::Stats::*;

auto of_sync(Count field) {
  return [=](const NodeState& s) { return s.sync->stats.*field; };
}

// One sample per counter, each with its label. `key` is the name of the label.
auto of_sync_by(const char* key, std::vector<std::pair<const char*, Count>> fields) {
  return [key, fields = std::move(fields)](Samples& out, const NodeState& s) {
    for (const auto& [label, field] : fields) out.add(s.sync->stats.*field, {{key, label}});
  };
}

// Of changes of a table that all nodes hold.
auto of_table(sync::TableStats sync::Stats::*table) {
  return [table](Samples& out, const NodeState& s) {
    const sync::TableStats& stats = s.sync->stats.*table;
    out.add(stats.changes_applied, {{"result", "applied"}});
    out.add(stats.changes_refused, {{"result", "refused"}});
  };
}

// One sample per member.
template <class Read>
auto of_members(Read read) {
  return [=](Samples& out, const NodeState& s) {
    for (const sync::MemberStatus& member : s.sync->members) out.add(read(member), {{"member", member.name}});
  };
}

void read_drops(Samples& out, const NodeState& state) {
  using sync::Stats;
  of_sync_by("reason", {{"malformed", &Stats::dropped_malformed},
                        {"foreign", &Stats::dropped_foreign},
                        {"unauthentic", &Stats::dropped_unauthentic},
                        {"replayed", &Stats::dropped_replayed},
                        {"untrusted", &Stats::dropped_untrusted},
                        {"stale", &Stats::dropped_stale},
                        {"late", &Stats::dropped_late},
                        {"unsent", &Stats::dropped_unsent},
                        {"refused", &Stats::dropped_refused},
                        {"repair", &Stats::dropped_repair},
                        {"pace", &Stats::dropped_pace},
                        {"web_refused", &Stats::web_records_refused},
                        {"web_kept", &Stats::web_deltas_kept},
                        {"aside", &Stats::dropped_aside}})(out, state);
  out.add(state.queue_dropped, {{"reason", "queue"}});
  out.add(state.sync_dropped_send, {{"reason", "send"}});
  out.add(state.sync_dropped_receive, {{"reason", "receive"}});
  out.add(state.sync->stats.dropped_alone, {{"reason", "alone"}});
}

std::vector<Row> channel_rows() {
  using sync::Stats;
  return {
      counter("shoal_sync_datagrams_total", "Datagrams of the sync channel.",
              of_sync_by("direction",
                         {{"sent", &Stats::datagrams_sent}, {"received", &Stats::datagrams_received}})),
      counter("shoal_sync_bytes_total", "UDP payload of the sync channel.",
              of_sync_by("direction", {{"sent", &Stats::bytes_sent}, {"received", &Stats::bytes_received}})),
      counter("shoal_sync_deltas_published_total", "Changes of peers announced here and sent to the cluster.",
              of_sync(&Stats::deltas_published)),
      counter("shoal_sync_deltas_received_total", "Changes of peers received from other nodes.",
              of_sync(&Stats::deltas_received)),
      counter("shoal_sync_deltas_applied_total", "Received changes that were new here.",
              of_sync(&Stats::deltas_applied)),
      counter("shoal_sync_delta_packets_sent_total",
              "Packets of changes; each counts once, however many nodes receive it.",
              of_sync(&Stats::delta_packets_sent)),
      counter("shoal_sync_delta_packets_lost_total",
              "Packets of other nodes' changes that were given up as lost.", of_sync(&Stats::packets_lost)),
      counter("shoal_sync_nacks_total", "Requests for packets that did not arrive.",
              of_sync_by("direction", {{"sent", &Stats::nacks_sent}, {"received", &Stats::nacks_received}})),
      counter("shoal_sync_deltas_aside_total",
              "Changes whose info_hash came by a number not known here: they waited until it was told.",
              of_sync(&Stats::deltas_aside)),
      counter("shoal_sync_hashes_total", "Info_hashes by whose numbers nodes ask each other.",
              of_sync_by("direction", {{"asked", &Stats::hashes_asked}, {"told", &Stats::hashes_told}})),
      counter("shoal_sync_packets_resent_total", "Packets sent again because another node missed them.",
              of_sync(&Stats::packets_resent)),
      counter("shoal_sync_access_changes_total",
              "Changes of the access list received from other nodes, by result.", of_table(&Stats::access)),
      counter("shoal_sync_relays_total",
              "Messages between web peers of this node and of others. unreachable, crowded and late: not "
              "sent; incomplete: received in part; misdirected: parts for another run of this node.",
              of_sync_by("result", {{"sent", &Stats::relays_sent},
                                    {"received", &Stats::relays_received},
                                    {"unreachable", &Stats::relays_unreachable},
                                    {"crowded", &Stats::relays_crowded},
                                    {"late", &Stats::relays_late},
                                    {"incomplete", &Stats::relays_incomplete},
                                    {"misdirected", &Stats::relays_misdirected}})),
      counter("shoal_sync_relay_parts_total", "Datagrams that carried them.",
              of_sync_by("direction",
                         {{"sent", &Stats::relay_parts_sent}, {"received", &Stats::relay_parts_received}})),
      counter(
          "shoal_sync_forwards_total",
          "Packets of changes that a node passes on to the others of its site. sent: copies, by this node; "
          "received: by others, for this node; crowded and refused: not sent; unknown: received of a node "
          "that is no member here.",
          of_sync_by("result", {{"sent", &Stats::forwards_sent},
                                {"received", &Stats::forwards_received},
                                {"crowded", &Stats::forwards_crowded},
                                {"refused", &Stats::forwards_refused},
                                {"unknown", &Stats::forwards_unknown}})),
      counter("shoal_sync_bans_total", "Bans received from other nodes, by result.", of_table(&Stats::bans)),
      histogram("shoal_sync_lag_seconds",
                "Time from the sending of a packet on another node until its changes were merged here, for "
                "each change.",
                [](Samples& out, const NodeState& s) {
                  const sync::LagHistogram& lag = s.sync->stats.lag;
                  out.add_histogram(sync::LagHistogram::kBoundsMs, 1000, lag.counts, lag.sum_ms);
                }),
      counter("shoal_sync_stalls_total", "Times this node itself paused for a second or more.",
              of_sync(&Stats::stalls)),
      gauge("shoal_sync_deltas_waiting", "Changes of peers waiting to be sent.",
            [](const NodeState& s) { return s.sync->waiting; }),
      gauge("shoal_clock_ahead_seconds", "This machine's clock minus cluster time.",
            [](const NodeState& s) { return static_cast<double>(s.sync->wall_ahead_ms) / 1000; }),
      counter("shoal_clock_steps_total", "Times this node set its cluster time to that of the others.",
              of_sync(&Stats::clock_steps)),
      counter("shoal_clock_jumps_total", "Times this machine's clock was set.", of_sync(&Stats::wall_jumps)),
      counter("shoal_sync_challenges_sent_total",
              "Nodes, or runs of a node, that were asked to prove that they are running.",
              of_sync(&Stats::challenges_sent)),
      counter("shoal_sync_dropped_total",
              "Datagrams that the sync channel dropped. queue: changes that found a worker's queue full; "
              "send: datagrams that the kernel did not accept; receive: datagrams for which the kernel had "
              "no room; repair: packets requested beyond what one member may request; pace: changes that "
              "found no room to wait in; unsent: changes not sent because this node paused or its time was "
              "corrected; alone: changes announced while there was no other node; web_refused: web peers of "
              "runs that are not up; web_kept: those of this node, as some member does not take them; "
              "aside: changes whose info_hash came by a number that was not known and not answered.",
              read_drops),
  };
}

std::vector<Row> pull_rows() {
  using sync::Stats;
  return {
      gauge("shoal_sync_synced", "1 when this node holds what the cluster holds, as far as it knows.",
            [](const NodeState& s) { return s.sync->phase == sync::SyncPhase::synced ? 1 : 0; }),
      counter("shoal_sync_digests_sent_total", "Rounds in which this node sent its digests.",
              of_sync(&Stats::digests_sent)),
      counter("shoal_sync_digests_compared_total", "Digests of members compared with our own.",
              of_sync(&Stats::digests_compared)),
      counter("shoal_sync_digests_differing_total", "Compared digests in which some tick differed.",
              of_sync(&Stats::digests_differing)),
      counter("shoal_sync_pulls_total",
              "Pulls by this node. failed: broken off, silent for too long, or damaged; refused: the donor "
              "closed the connection without an answer; unconnected: there was no TCP connection to it.",
              of_sync_by("result", {{"started", &Stats::pulls_started},
                                    {"finished", &Stats::pulls_finished},
                                    {"failed", &Stats::pulls_failed},
                                    {"refused", &Stats::pulls_refused},
                                    {"unconnected", &Stats::pulls_unconnected}})),
      counter("shoal_sync_donations_total",
              "Pulls by others from this node. refused: too many at once; rejected: the request was "
              "malformed, unauthentic, replayed, or meant for another run of this node.",
              of_sync_by("result", {{"started", &Stats::donations_started},
                                    {"finished", &Stats::donations_finished},
                                    {"refused", &Stats::donations_refused},
                                    {"rejected", &Stats::dropped_requests}})),
      counter("shoal_sync_pull_bytes_total", "Bytes of pulls, received by this node and sent to others.",
              of_sync_by("direction", {{"received", &Stats::pulled_bytes}, {"sent", &Stats::donated_bytes}})),
      counter(
          "shoal_sync_pull_records_total", "Records of pulls, received by this node and sent to others.",
          of_sync_by("direction", {{"received", &Stats::pulled_records}, {"sent", &Stats::donated_records}})),
      counter("shoal_sync_pull_records_applied_total", "Received records of pulls that were new here.",
              of_sync(&Stats::pulled_applied)),
      counter("shoal_sync_pull_request_bytes_total", "Bytes of this node's requests for pulls.",
              of_sync(&Stats::pull_request_bytes)),
      counter(
          "shoal_sync_sketches_total",
          "Pulls by this node that were asked for by a sketch. too_small: of those, more differed than it "
          "could tell.",
          of_sync_by("result", {{"sent", &Stats::sketches_sent}, {"too_small", &Stats::sketches_too_small}})),
      counter("shoal_sync_pull_connections_total",
              "TCP connections of pulls, accepted from others and made to others.",
              [](Samples& out, const NodeState& s) {
                out.add(s.pull_server->connections.value(), {{"direction", "accepted"}});
                out.add(s.pull_client->connections.value(), {{"direction", "made"}});
              }),
      counter("shoal_sync_pull_connections_dropped_total",
              "Accepted connections that were closed. room: to make room; late: no request in time; request: "
              "a bad or refused request; slow: the answer was not read in time; broken: closed by the other "
              "side too early. Made ones. connect: not established in time; idle: no more data came; broken: "
              "reset.",
              [](Samples& out, const NodeState& s) {
                const PullServerCounters& server = *s.pull_server;
                const PullClientCounters& client = *s.pull_client;
                const auto add = [&](const char* direction, const char* reason, const auto& dropped) {
                  out.add(dropped.value(), {{"direction", direction}, {"reason", reason}});
                };
                add("accepted", "room", server.dropped_room);
                add("accepted", "late", server.dropped_late);
                add("accepted", "request", server.dropped_request);
                add("accepted", "slow", server.dropped_slow);
                add("accepted", "broken", server.dropped_broken);
                add("made", "connect", client.dropped_connect);
                add("made", "idle", client.dropped_idle);
                add("made", "broken", client.dropped_broken);
              }),
  };
}

std::vector<Row> peer_rows() {
  return {
      gauge("shoal_sync_alone",
            "1 when others are named in sync.peers and no member can be met, 0 otherwise.",
            [](const NodeState& s) { return s.sync->alone ? 1 : 0; }),
      gauge(
          "shoal_sync_held",
          "1 when this node has held the cluster's state, in this run or before its snapshot was written, or "
          "names no other node.",
          [](const NodeState& s) { return s.sync->held ? 1 : 0; }),
      gauge("shoal_sync_name_taken",
            "1 when this node is refused because another node has its name and was there first, 0 otherwise.",
            [](const NodeState& s) { return s.sync->name_taken_by ? 1 : 0; }),
      gauge("shoal_sync_namesakes",
            "Nodes that are refused because they have the name of another, this node included.",
            [](const NodeState& s) {
              const sync::Status& sync = *s.sync;
              return std::count_if(sync.members.begin(), sync.members.end(),
                                   [](const sync::MemberStatus& m) { return m.namesake.has_value(); }) +
                     (sync.namesake ? 1 : 0) + (sync.name_taken_by ? 1 : 0);
            }),
      gauge("shoal_sync_peer_met",
            "1 when a member is met at the address in sync.peers, 0 when not; sync_peers in status.json says "
            "why. "
            "Without the addresses of this node.",
            [](Samples& out, const NodeState& s) {
              for (const sync::PeerStatus& peer : s.sync->peers) {
                if (peer.sight == sync::PeerSight::own) continue;
                out.add(peer.sight == sync::PeerSight::met ? 1 : 0, {{"peer", peer.peer}});
              }
            }),
      gauge("shoal_sync_strangers",
            "Addresses from which sync datagrams came in the last minute that this node cannot use.",
            [](Samples& out, const NodeState& s) {
              for (const auto sight : {sync::PeerSight::other_key, sync::PeerSight::altered,
                                       sync::PeerSight::other_cluster, sync::PeerSight::other_version}) {
                const auto kind = to_string(sight);
                const auto count =
                    std::count_if(s.sync->strangers.begin(), s.sync->strangers.end(),
                                  [&](const sync::StrangerStatus& one) { return one.kind == kind; });
                out.add(count, {{"kind", std::string(kind)}});
              }
            }),
  };
}

std::vector<Row> member_rows() {
  using Member = sync::MemberStatus;
  return {
      gauge("shoal_sync_member_up",
            "1 when the member is alive or refused, 0 when it is one_way, suspect, down or left.",
            of_members([](const Member& m) {
              return m.state == sync::MemberState::alive || m.state == sync::MemberState::refused ? 1 : 0;
            })),
      gauge("shoal_sync_member_heard_seconds", "Time since the member was last heard.",
            of_members([](const Member& m) { return static_cast<double>(m.heard_ago_ms) / 1000; })),
      counter("shoal_sync_member_deltas_received_total", "Changes of peers received from the member.",
              of_members([](const Member& m) { return m.deltas_received; })),
      gauge("shoal_sync_member_missing", "Delta packets of the member that are still expected.",
            of_members([](const Member& m) { return m.missing; })),
      gauge("shoal_sync_member_lost", "Delta packets of the member's present run that were given up as lost.",
            of_members([](const Member& m) { return m.lost; })),
      gauge("shoal_sync_member_refused",
            "1 when this node refuses the member; the log and status.json say why.",
            of_members([](const Member& m) { return m.state == sync::MemberState::refused ? 1 : 0; })),
      gauge("shoal_sync_member_heard_by",
            "Other members that hear the member; 0 while it and this node hear each other.",
            of_members([](const Member& m) { return m.heard_by.size(); })),
      gauge("shoal_sync_member_pull_blocked",
            "1 when the last pull from the member, which is heard, got no TCP connection; status.json says "
            "why.",
            of_members([](const Member& m) { return m.pull_trouble.empty() ? 0 : 1; })),
      gauge("shoal_sync_member_round_trip_seconds", "Smoothed round-trip time; 0 means not measured yet.",
            of_members([](const Member& m) { return static_cast<double>(m.round_trip_us) / 1'000'000; })),
      gauge("shoal_sync_member_clock_offset_seconds",
            "The member's wall clock minus this node's, of members that are heard.",
            [](Samples& out, const NodeState& s) {
              for (const Member& m : s.sync->members) {
                if (is_gone(m.state)) continue;
                out.add(static_cast<double>(m.clock_offset_ms) / 1000, {{"member", m.name}});
              }
            }),
      gauge("shoal_sync_member_loss_ratio",
            "Recent share of delta packets that did not arrive at first: the member's packets here (in), our "
            "packets there (out).",
            [](Samples& out, const NodeState& s) {
              for (const Member& m : s.sync->members) {
                out.add(m.loss_in_permille / 1000.0, {{"member", m.name}, {"direction", "in"}});
                out.add(m.loss_out_permille / 1000.0, {{"member", m.name}, {"direction", "out"}});
              }
            }),
      gauge("shoal_sync_member_state", "1 for the state the member is in, 0 for the others.",
            [](Samples& out, const NodeState& s) {
              for (const Member& m : s.sync->members) {
                for (const sync::MemberState state : sync::kMemberStates) {
                  out.add(m.state == state ? 1 : 0,
                          {{"member", m.name}, {"state", std::string(to_string(state))}});
                }
              }
            }),
      gauge("shoal_sync_member_lag_seconds",
            "Smoothed time from the sending of a packet by the member until its changes were merged here.",
            of_members([](const Member& m) { return static_cast<double>(m.lag_us) / 1'000'000; })),
      counter("shoal_sync_member_late_total", "Delta packets of the member that had to be requested.",
              of_members([](const Member& m) { return m.late; })),
      counter("shoal_sync_member_repaired_total", "Requested delta packets that arrived.",
              of_members([](const Member& m) { return m.repaired; })),
      counter("shoal_sync_member_nacks_sent_total", "Requests to the member for packets that did not arrive.",
              of_members([](const Member& m) { return m.nacks_sent; })),
      counter("shoal_sync_member_received_bytes_total", "UDP payload of the sync channel from the member.",
              of_members([](const Member& m) { return m.bytes_received; })),
      gauge("shoal_sync_member_load_ratio", "Share of its CPUs that the member uses.",
            of_members([](const Member& m) { return m.load_permille / 1000.0; })),
      gauge("shoal_sync_member_synced", "1 when the member says that it holds what the cluster holds.",
            of_members([](const Member& m) { return m.synced ? 1 : 0; })),
      gauge("shoal_sync_member_differing",
            "Ticks in which the member's records and ours differed when last compared.",
            of_members([](const Member& m) { return m.differing; })),
  };
}

}  // namespace

std::vector<Group> sync_groups() {
  const auto is_on = [](const NodeState& s) { return s.sync.has_value(); };
  const auto has_members = [](const NodeState& s) { return s.sync && !s.sync->members.empty(); };
  return {{is_on, channel_rows()}, {is_on, pull_rows()}, {is_on, peer_rows()}, {has_members, member_rows()}};
}

}  // namespace shoal::node::metric_rows
