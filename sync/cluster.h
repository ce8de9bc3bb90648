// Cluster: one node's share of the sync channel, as a pure state machine. It knows no socket, no thread and
// no clock: bytes and time come in as arguments, datagrams to send and lines to log come out. One thread
// calls it.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/log.h"
#include "proto/access_change.h"
#include "proto/delta.h"
#include "sync/access_log.h"
#include "sync/donation.h"
#include "sync/keys.h"
#include "sync/lag.h"
#include "sync/now.h"
#include "sync/swarms.h"

namespace shoal::sync {

struct Config {
  std::string name;                           // node.name; told to the others as printable ASCII
  uint64_t incarnation = 0;                   // unix_ms << 16 | random16 at start
  std::string cluster;                        // sync.cluster
  std::vector<ClusterKey> keys;               // the first seals, all open; empty only with `insecure`
  bool insecure = false;                      // no key: packets are sealed with a key anyone can derive
  std::optional<common::Endpoint> advertise;  // none: the others use the source address of our datagrams
  bool peers_named = false;                   // sync.peers names some: they are waited for at start
  size_t multicast_groups = 0;                // how many groups the socket side has joined
  uint32_t peer_timeout_s = 2700;             // all members must agree on it
  int64_t pace_bytes_per_s = 6'250'000;       // to one destination; repair takes at most a fifth of it
  int64_t donate_bytes_per_s = 20'000'000;    // all donations together; 0: as fast as they are taken
  AccessLog* access_log = nullptr;            // must outlive the cluster; null: it keeps one of its own
  bool snapshot = false;                      // there may be one to merge: see Outputs::load_snapshot
};

// A datagram that came in.
struct Received {
  common::Endpoint from;
  std::optional<size_t> group;  // index of the multicast group it came by; none: unicast
  common::ByteSpan bytes;
};

// A datagram to send; the bytes are shared by all receivers of one packet.
struct Send {
  std::optional<size_t> group;  // to this multicast group, or else to `to`
  common::Endpoint to;
  std::shared_ptr<const std::vector<uint8_t>> bytes;
};

struct LogEvent {
  common::LogLevel level;
  std::string message;
  std::vector<std::pair<std::string, std::string>> fields;
};

// A pull to begin: connect to `to` by TCP, send the request, and hand what comes to pull_received().
struct PullStart {
  uint64_t pull = 0;  // names it in the calls about it
  common::Endpoint to;
  std::shared_ptr<const std::vector<uint8_t>> request;
};

// What one call asks the caller to do; the caller empties it.
struct Outputs {
  std::vector<Send> sends;
  std::vector<LogEvent> logs;
  std::vector<proto::AccessChange> access_changes;  // of other nodes, that were news; in the log already
  std::vector<PullStart> pulls;
  std::vector<uint64_t> pull_aborts;  // close these; pull_closed() need not be called
  // Once, where there is a snapshot: cluster time is now as well known as it will be, so merge it and say so
  // by snapshot_merged().
  bool load_snapshot = false;
};

enum class MemberState : uint8_t { alive, suspect, down };

struct MemberStatus {
  std::string name;
  uint64_t id = 0;
  uint64_t incarnation = 0;
  common::Endpoint address;
  MemberState state = MemberState::alive;
  int64_t heard_ago_ms = 0;  // since its last packet
  bool multicast = false;    // it reports that it hears us by a group
  uint64_t datagrams_received = 0;
  uint64_t deltas_received = 0;
  uint64_t missing = 0;            // delta packets that have not come yet
  uint64_t lost = 0;               // delta packets that will not come any more
  uint64_t late = 0;               // delta packets that had to be asked for
  uint64_t repaired = 0;           // of those: have come since
  int64_t lag_us = 0;              // of its deltas, smoothed: see LagHistogram
  uint64_t bytes_received = 0;     // from it
  uint64_t nacks_sent = 0;         // to it
  int64_t round_trip_us = 0;       // smoothed; 0: not measured yet
  int64_t clock_offset_ms = 0;     // its wall clock minus ours, estimated
  uint32_t announces_per_s = 0;    // of its clients
  uint32_t interval_s = 0;         // that it tells them, when that is adapted to the load; 0: it is not
  std::string refused;             // why we do not take its deltas nor send it ours; empty: we do
  std::vector<KeyId> key_ids;      // of the keys it opens with, as it says; the first seals
  uint32_t protocol_minor = 0;     // of its protocol version
  uint32_t load_permille = 0;      // of its CPUs
  uint32_t loss_in_permille = 0;   // of its delta packets, lately: did not come at first
  uint32_t loss_out_permille = 0;  // of ours, as it says
  bool synced = false;             // it says that its state is complete
  uint32_t differing = 0;          // ticks in which its records and ours differed when last compared
  // Since a comparison last found nothing missing on either side, apart from what is underway; -1: none has.
  int64_t agreed_ago_ms = -1;
};

// How far this node is on its way to hold what the cluster holds.
enum class SyncPhase : uint8_t {
  waiting,        // for a member to pull from
  bootstrapping,  // pulls everything from `donor`
  checking,       // compares digests with the members
  synced,
};

// Monotonic counts since start.
struct Stats {
  uint64_t datagrams_sent = 0;
  uint64_t bytes_sent = 0;
  uint64_t datagrams_received = 0;
  uint64_t bytes_received = 0;
  uint64_t deltas_published = 0;
  uint64_t deltas_received = 0;
  uint64_t deltas_applied = 0;      // of those received: changed something here
  uint64_t delta_packets_sent = 0;  // each once, whatever the number of receivers
  uint64_t clock_steps = 0;         // cluster time was corrected by the members'
  uint64_t wall_jumps = 0;          // this machine's clock was set
  uint64_t stalls = 0;              // this node itself stood still
  uint64_t challenges_sent = 0;
  uint64_t nacks_sent = 0;
  uint64_t nacks_received = 0;
  uint64_t packets_resent = 0;
  uint64_t access_changes_applied = 0;  // of other nodes, that were news
  uint64_t access_changes_refused = 0;  // of other nodes, for which the log had no room
  uint64_t access_asks_sent = 0;
  uint64_t packets_lost = 0;         // delta packets of others that will not come any more
  uint64_t dropped_pace = 0;         // deltas that found no room to wait in
  uint64_t dropped_repair = 0;       // asked for by a member that has too much asked for already
  uint64_t dropped_malformed = 0;    // no shoal packet, or columns that lie
  uint64_t dropped_foreign = 0;      // another cluster or protocol version
  uint64_t dropped_unauthentic = 0;  // no key opens it
  uint64_t dropped_replayed = 0;     // seen before (also harmless second copies, by group and unicast)
  uint64_t dropped_untrusted = 0;    // from an incarnation that has not proved yet that it runs
  uint64_t dropped_stale = 0;        // from an incarnation that has been succeeded
  uint64_t dropped_late = 0;         // delta packets from another time: their stamps cannot be read
  uint64_t dropped_unsent = 0;       // deltas of ours not told, since their stamps are not right any more
  uint64_t dropped_alone = 0;        // deltas of ours for which nobody was there
  uint64_t digests_sent = 0;         // rounds
  uint64_t digests_compared = 0;
  uint64_t digests_differing = 0;  // of those: some tick differed
  uint64_t pulls_started = 0;
  uint64_t pulls_finished = 0;
  uint64_t pulls_failed = 0;   // broken off, silent for too long, or damaged
  uint64_t pulls_refused = 0;  // the donor closed without a word
  uint64_t pulled_bytes = 0;
  uint64_t pulled_records = 0;
  uint64_t pulled_applied = 0;  // of those: changed something here
  uint64_t donations_started = 0;
  uint64_t donations_finished = 0;
  uint64_t donations_refused = 0;  // two are underway already
  uint64_t donated_bytes = 0;
  uint64_t donated_records = 0;
  uint64_t dropped_requests =
      0;  // for a pull: malformed, unauthentic, replayed, or not for this run of this node
  uint64_t dropped_refused = 0;  // authentic, but from a node whose settings, clock or name clash with ours
  LagHistogram lag;              // of the deltas received
};

struct Status {
  uint64_t id = 0;
  uint64_t incarnation = 0;
  int64_t wall_ahead_ms = 0;  // this machine's wall clock minus cluster time
  bool wall_off = false;      // by more than a tick
  size_t waiting = 0;         // deltas not sent yet
  SyncPhase phase = SyncPhase::waiting;
  std::string donor{};                // bootstrapping: who gives
  uint32_t percent = 0;               // bootstrapping: of the donor's store
  bool access_in_step = false;        // once at least, some member's access list had the same changes as ours
  std::vector<MemberStatus> members;  // the others, by name
  Stats stats;
};

class Cluster {
 public:
  // `swarms` must outlive the cluster.
  Cluster(Config config, Swarms& swarms, Now now);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // Addresses from sync.peers, after every resolution; replaces the last set. Our own address among them is
  // harmless. May bring deadline_us() forward.
  void set_seeds(std::vector<common::Endpoint> seeds);

  // Other keys from now on, at least one: the first seals, all open. To be called for each step of a rotation
  // (add a key, put it first, remove the old one) on all nodes before the next step.
  void set_keys(Now now, const std::vector<ClusterKey>& keys, Outputs& out);

  // As in Config, from now on.
  void set_pace(int64_t pace_bytes_per_s, int64_t donate_bytes_per_s);

  // How busy this node is, of 1000, to be told to the others.
  void set_load(uint32_t permille);

  // One datagram from the network; anything may be in it.
  void receive(Now now, const Received& datagram, Outputs& out);

  // Deltas announced on this node, to be told to the others within the flush interval, or as fast as the pace
  // allows: stops first, refreshes last. What finds no room to wait in is dropped and counted.
  void publish(Now now, std::span<const proto::OwnDelta> deltas, Outputs& out);

  // Changes of the access list made on this node, in the log already, to be told to the others.
  void publish_access(Now now, std::span<const proto::AccessChange> changes, Outputs& out);

  // Tells the others what this node's clients do, and are told; see MemberStatus. About once a second.
  void tell_client_load(Now now, uint32_t announces_per_s, uint32_t interval_s, Outputs& out);

  // To be called when deadline_us() is reached; harmless earlier or later.
  void advance(Now now, Outputs& out);

  // When advance() wants to be called next, in Now::mono_us.
  int64_t deadline_us() const;

  // Leaving in good order: flushes what is pending and tells the others, again and again until they have
  // heard it. No heartbeats afterwards, but what others missed is still sent again.
  void leave(Now now, Outputs& out);

  // After leave(): every member that is up knows it, and has all that was published here.
  bool left_in_order(Now now) const;

  // The bytes of a pull (Outputs::pulls), as they come, in any pieces.
  void pull_received(Now now, uint64_t pull, common::ByteSpan bytes, Outputs& out);

  // No more bytes will come: closed by the donor, broken, or never connected. `reached`: it was connected.
  void pull_closed(Now now, uint64_t pull, bool reached, Outputs& out);

  // A whole request (pull_request_missing() is 0) that came by TCP. Null: close without a word.
  std::unique_ptr<Donation> accept_pull(Now now, const common::Endpoint& from, common::ByteSpan request,
                                        Outputs& out);

  // Cluster time minus Now::mono_us / 1000. Changes only in calls that take `now`.
  int64_t time_offset_ms() const;

  // The ticks of cluster time minus those that the store is to be given, and stamped in: when cluster time is
  // stepped the store's ticks go on, so that no record seems older or younger. Changes only in such calls.
  common::Tick store_ticks_behind() const;

  // The snapshot has been merged, or is of no use. Until then the node is not ready.
  void snapshot_merged(Now now);

  Status status(Now now) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::sync
