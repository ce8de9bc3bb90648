// Stats: what a Cluster has counted since it started. Each part counts its own; Stats is all of them.
// Monotonic.

#pragma once

#include <cstdint>

#include "sync/lag.h"

namespace shoal::sync {

struct SenderStats {
  uint64_t datagrams_sent = 0;
  uint64_t bytes_sent = 0;
};

struct ReceiverStats {
  uint64_t datagrams_received = 0;
  uint64_t bytes_received = 0;
  uint64_t stalls = 0;               // this node itself stood still
  uint64_t dropped_malformed = 0;    // not a shoal packet, or its columns contradict each other
  uint64_t dropped_foreign = 0;      // of another cluster or protocol version
  uint64_t dropped_unauthentic = 0;  // no key opens it
  uint64_t dropped_replayed = 0;     // seen before; includes harmless second copies, by group and unicast
};

struct DeltaSenderStats {
  uint64_t deltas_published = 0;
  uint64_t delta_packets_sent = 0;  // each once, however many receivers it has
  uint64_t nacks_received = 0;
  uint64_t packets_resent = 0;
  uint64_t hashes_told = 0;     // to members that asked what their numbers are
  uint64_t dropped_pace = 0;    // deltas for which the queue had no room
  uint64_t dropped_unsent = 0;  // own deltas that were not sent, since their stamps had become wrong
  uint64_t dropped_alone = 0;   // own deltas when there was no member to send them to
};

struct DeltaReceiverStats {
  uint64_t deltas_received = 0;
  uint64_t deltas_applied = 0;  // of those received: changed something here
  uint64_t nacks_sent = 0;
  uint64_t packets_lost = 0;  // delta packets of others that will never arrive
  uint64_t deltas_aside = 0;  // whose info_hash came by a number not known here: it was asked for
  uint64_t hashes_asked = 0;
  uint64_t dropped_aside = 0;  // of those deltas, or instead: no room, or not answered
  uint64_t dropped_late = 0;   // delta packets from another time: their stamps are ambiguous
  LagHistogram lag;            // of the deltas received
};

struct ClockStats {
  uint64_t clock_steps = 0;  // cluster time was corrected to that of the members
  uint64_t wall_jumps = 0;   // this machine's clock was set
};

struct ChallengeStats {
  uint64_t challenges_sent = 0;
};

struct TrustStats {
  uint64_t dropped_untrusted = 0;  // from an incarnation that has not proved yet that it is running
  uint64_t dropped_stale = 0;      // of these, counted apart: from one that has been succeeded
};

// Of the changes of a replicated table.
struct TableStats {
  uint64_t changes_applied = 0;  // new ones from other nodes
  // From other nodes: no room, of the future, of an origin that is forgotten, or too many at once.
  uint64_t changes_refused = 0;
  uint64_t asks_sent = 0;
  uint64_t scans = 0;  // of all changes, for those that have been made void
};

struct RepairStats {
  uint64_t digests_sent = 0;  // rounds
  uint64_t digests_compared = 0;
  uint64_t digests_differing = 0;  // of those: some tick differed
};

struct PullStats {
  uint64_t pulls_started = 0;
  uint64_t pulls_finished = 0;
  uint64_t pulls_failed = 0;       // interrupted, silent for too long, or damaged
  uint64_t pulls_refused = 0;      // the donor closed the connection without an answer
  uint64_t pulls_unconnected = 0;  // there was no connection to the donor
  uint64_t pulled_bytes = 0;
  uint64_t pull_request_bytes = 0;
  uint64_t pulled_records = 0;
  uint64_t pulled_applied = 0;      // of those: changed something here
  uint64_t sketches_sent = 0;       // requests with a sketch, all among those started
  uint64_t sketches_too_small = 0;  // of those: more differed than they could tell
};

struct DonationStats {
  uint64_t donations_started = 0;
  uint64_t donations_finished = 0;
  uint64_t donations_refused = 0;  // two were running already
  uint64_t donated_bytes = 0;
  uint64_t donated_records = 0;
  uint64_t dropped_requests = 0;  // malformed, unauthentic, replayed, or for another node or run
};

// Whole messages between web peers of two nodes, but where it says parts.
struct RelayStats {
  uint64_t relays_sent = 0;
  uint64_t relays_received = 0;
  uint64_t relay_parts_sent = 0;
  uint64_t relay_parts_received = 0;
  uint64_t relays_unreachable = 0;  // not sent: no member that hears us has this run, or it knows no relays
  uint64_t relays_crowded = 0;      // not sent: too much waited for that member
  uint64_t relays_late = 0;         // not sent, or not to the end: it had to wait for too long
  // Parts received for another run of this node, or from a member that is refused.
  uint64_t relays_misdirected = 0;
  uint64_t relays_incomplete = 0;  // received in part
};

// Delta packets that a member passes on to the others of its site (sync/sites.h).
struct SiteStats {
  uint64_t forwards_sent = 0;      // copies of other nodes' packets, by this node
  uint64_t forwards_received = 0;  // of use here
  uint64_t forwards_crowded = 0;   // not sent: the pace to that member did not allow it
  uint64_t forwards_refused = 0;   // not sent: too many of one origin, or it asks two of this site
  uint64_t forwards_unknown = 0;   // received, and their origin is no member here
};

struct WebRecordStats {
  // Of other nodes, not merged: their run is not that of a member that is up.
  uint64_t web_records_refused = 0;
  // Own deltas of web peers that were not sent, as some member does not take them.
  uint64_t web_deltas_kept = 0;
};

struct Stats : SenderStats,
               ReceiverStats,
               DeltaSenderStats,
               DeltaReceiverStats,
               ClockStats,
               ChallengeStats,
               TrustStats,
               RepairStats,
               PullStats,
               DonationStats,
               RelayStats,
               SiteStats,
               WebRecordStats {
  TableStats access;
  TableStats bans;
  // Counted by several parts.
  uint64_t dropped_repair = 0;   // a member asked for more than it is given at a time
  uint64_t dropped_refused = 0;  // authentic, but its sender's settings, clock or name clash with ours
};

}  // namespace shoal::sync
