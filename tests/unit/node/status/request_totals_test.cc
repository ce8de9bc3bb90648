#include "node/status/request_totals.h"

#include <doctest/doctest.h>

#include "node/tracker/worker_counters.h"

using namespace shoal::node;

TEST_CASE("request totals: connections that close while they are counted are not open, nor a huge number") {
  WorkerCounters one;
  WorkerCounters other;
  NodeState state;
  state.workers = {&one, &other};
  one.http.connections_accepted.add(5);
  one.http.connections_closed.add(2);
  one.http.tls.opened[0].add(4);
  one.http.tls.closed[0].add(1);
  other.http.connections_accepted.add(1);
  other.http.connections_closed.add(2);
  other.http.tls.opened[0].add(1);
  other.http.tls.closed[0].add(2);
  CHECK(request_totals(state).http_connections == 3);
  CHECK(tls_totals(state).open[0] == 3);
  CHECK(tls_totals(state).open[1] == 0);
}
