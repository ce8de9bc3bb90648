// What one worker counts. The worker writes, the admin endpoint sums over workers.

#pragma once

#include <array>
#include <cstddef>

#include "common/counter.h"
#include "common/endpoint.h"
#include "node/announce_policy.h"

namespace shoal::node {

// Index of a family in arrays of two.
constexpr size_t family_index(common::Family family) { return family == common::Family::v4 ? 0 : 1; }

struct UdpCounters {
  common::Counter datagrams_received;
  common::Counter bytes_received;
  common::Counter datagrams_sent;
  common::Counter bytes_sent;
  common::Counter connects;
  common::Counter announces;
  common::Counter scrapes;
  common::Counter errors;  // answered with action 3
  // Dropped in silence:
  common::Counter dropped_malformed;
  common::Counter dropped_connection_id;
  common::Counter dropped_source_port;
  common::Counter dropped_network;  // access.deny_networks
  common::Counter dropped_send;     // the kernel did not take the answer
};

struct HttpCounters {
  common::Counter connections_accepted;
  common::Counter connections_closed;
  common::Counter closed_for_room;  // the oldest idle one, to make room for a new one
  common::Counter closed_timeout;   // idle too long, or a request or an answer that took too long
  common::Counter bytes_received;
  common::Counter bytes_sent;
  common::Counter bad_requests;  // answered 4xx or 5xx by the parser
};

struct HttpTrackerCounters {
  common::Counter announces;
  common::Counter scrapes;
  common::Counter failures;  // answered with a failure reason
  common::Counter not_found;
};

struct AnnounceCounters {
  common::Counter started;
  common::Counter completed;
  common::Counter stopped;
  common::Counter regular;  // no event, or paused
  common::Counter peers_sent;
  common::Counter deltas;                          // handed to the sync channel
  std::array<common::Counter, kRefusals> refused;  // by Refusal
};

struct WorkerCounters {
  std::array<UdpCounters, 2> udp;
  HttpCounters http;
  std::array<HttpTrackerCounters, 2> http_tracker;
  AnnounceCounters announce;
};

}  // namespace shoal::node
