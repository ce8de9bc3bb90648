// What one worker counts. The worker writes, the admin endpoint sums over workers.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "common/counter.h"
#include "common/endpoint.h"
#include "common/tick.h"
#include "common/time_histogram.h"
#include "node/access/announce_policy.h"
#include "node/http/http_counters.h"
#include "node/limits/limit.h"
#include "node/net/datagrams.h"
#include "node/tracker/client_names.h"
#include "node/websocket/web_counters.h"

namespace shoal::node {

// Index of a family in arrays of two.
constexpr size_t family_index(common::Family family) { return family == common::Family::v4 ? 0 : 1; }

// One in this many announces is checked for its client program.
constexpr uint32_t kClientSample = 16;

// One in this many requests over the rate is charged, for all of them. Less than any threshold that makes
// sense: a client that is over its rate once is no offender.
constexpr uint32_t kOverRateSample = 16;

// A record's lifetime in slots of kRenewalTicks each; a minute at a peer_timeout of 45.
constexpr int kRenewalTicks = 4;
constexpr size_t kRenewalSlots = common::kLifetimeTicks / kRenewalTicks;
constexpr size_t renewal_slot(int ticks) {
  return std::min(static_cast<size_t>(ticks / kRenewalTicks), kRenewalSlots - 1);
}

struct UdpCounters {
  common::Counter datagrams_received;
  common::Counter bytes_received;
  common::Counter datagrams_sent;
  common::Counter bytes_sent;
  common::Counter connects;
  common::Counter announces;
  common::Counter scrapes;
  common::Counter errors;                // answered with action 3
  common::Counter scrape_errors;         // of these, scrapes; the others are announces
  common::Counter connection_id_errors;  // answered with action 3 too, and in none of the above
  // Dropped in silence:
  common::Counter dropped_malformed;
  common::Counter dropped_connection_id;
  common::Counter dropped_source_port;
  common::Counter dropped_network;  // access.deny_networks
  common::Counter dropped_rate;     // limits.requests_per_s_*
  common::Counter dropped_ban;      // of a banned client
  common::Counter dropped_send;     // the kernel refused the answer
  // Per answer: the time from receiving its batch until the kernel has the answers of the batch.
  common::TimeHistogram request_time;
  common::Counter would_ban;  // not dropped, but would have been if bans.mode were on
  DatagramErrors call_errors;
};

struct HttpTrackerCounters {
  common::Counter announces;
  common::Counter scrapes;
  common::Counter failures;         // answered with a failure reason
  common::Counter scrape_failures;  // of these, scrapes; the others are announces
  common::Counter not_found;
  common::Counter redirected;    // tracker.redirect_url
  common::Counter stats;         // opentracker's statistics
  common::Counter stats_denied;  // by stats.networks
  common::Counter banned;        // connections and requests of banned clients
  common::Counter would_ban;     // not refused, but would have been if bans.mode were on
};

struct AnnounceCounters {
  common::Counter started;
  common::Counter completed;
  common::Counter stopped;
  common::Counter regular;     // no event, or paused
  common::Counter unstorable;  // of all these: no port, or an address that no peer can have
  common::Counter peers_sent;

  uint64_t all() const { return started.value() + completed.value() + stopped.value() + regular.value(); }

  common::Counter deltas;     // handed to the sync channel
  common::Counter downloads;  // peers that completed for the first time
  // Announces of peers that were here already, by the age of their record: see renewal_slot().
  std::array<common::Counter, kRenewalSlots> renewed;
  // By what the peer_id says, of one announce in kClientSample.
  std::array<common::Counter, kClientNames> clients;
  std::array<common::Counter, kRefusals> refused;  // by Refusal
  std::array<common::Counter, kLimits> limits;     // by Limit: those of requests and of what is stored
};

struct WorkerCounters {
  std::array<UdpCounters, 2> udp;
  HttpCounters http;
  std::array<HttpTrackerCounters, 2> http_tracker;
  AnnounceCounters announce;
  WebCounters web;
};

}  // namespace shoal::node
