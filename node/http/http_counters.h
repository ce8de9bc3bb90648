// What an HttpServer counts. Its thread writes, any thread reads.

#pragma once

#include "common/counter.h"
#include "common/time_histogram.h"
#include "node/os/lasting_error.h"
#include "node/tls/tls_counters.h"

namespace shoal::node {

struct HttpCounters {
  common::Counter connections_accepted;
  common::Counter connections_closed;
  common::Counter closed_for_room;      // the one waited for longest, to make room for a new one
  common::Counter refused_per_address;  // limits.connections_per_address
  common::Counter closed_timeout;       // idle too long, or a request or an answer that took too long
  common::Counter closed_for_memory;    // too many bytes waited for clients: the one waited for longest
  common::Counter closed_slow;          // a streamed answer that was read too slowly, or took too long
  common::Counter postponed;            // a connection's turns that ended before its input did
  common::Counter accept_failures;      // accept() failed for a reason that may last
  common::Counter bytes_received;
  common::Counter bytes_sent;
  common::Counter bad_requests;  // answered 4xx or 5xx by the parser
  // How long it takes to make an answer; for a streamed one, to begin it.
  common::TimeHistogram request_time;
  LastingError accept_error;  // of the last try
  TlsCounters tls;
};

}  // namespace shoal::node
