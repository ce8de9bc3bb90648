#include "node/status/recent_faults.h"

#include <doctest/doctest.h>

#include "node/status/node_state.h"

using namespace shoal;
using node::Fault;
using node::FaultCounts;
using node::Limit;
using node::RecentFaults;

TEST_CASE("recent faults: what happened before the last minutes does not count") {
  RecentFaults faults;
  FaultCounts now;
  int64_t mono_ms = 77;
  now[Fault::stalls] = 1;
  faults.add(mono_ms, now);
  CHECK(faults.of_last(5, now)[Fault::stalls] == 1);  // since start
  // A node adds more often than once a minute.
  for (int i = 0; i < 6 * 6; ++i) faults.add(mono_ms += 10'000, now);
  CHECK(faults.of_last(5, now)[Fault::stalls] == 0);
  CHECK(faults.of_last(60, now)[Fault::stalls] == 1);
  now[Limit::peers] = 20;
  CHECK(faults.of_last(5, now)[Limit::peers] == 20);
  for (int i = 0; i < 6 * 4; ++i) faults.add(mono_ms += 10'000, now);
  CHECK(faults.of_last(5, now)[Limit::peers] == 20);
  for (int i = 0; i < 6 * 2; ++i) faults.add(mono_ms += 10'000, now);
  CHECK(faults.of_last(5, now)[Limit::peers] == 0);
  for (int i = 0; i < 6 * 60; ++i) faults.add(mono_ms += 10'000, now);
  CHECK(faults.of_last(60, now)[Limit::peers] == 0);
  CHECK(faults.of_last(60, now)[Fault::stalls] == 0);
}

TEST_CASE("recent faults: the counts of a node's state") {
  node::WorkerCounters worker;
  worker.udp[0].dropped_send.add(1);
  worker.udp[1].dropped_send.add(2);
  node::NodeState state;
  state.workers = {&worker, &worker};
  state.queue_dropped = 3;
  state.limit_hits[node::index_of(Limit::connections)] = 5;
  state.snapshot = node::SnapshotStatus{};
  state.snapshot->failed = 6;
  state.snapshot->refused = 1;
  state.exports = node::ExportStatus{};
  state.exports->failed = 7;
  state.access.state_writes_failed = 8;
  state.access.refused_changes = 9;
  state.access.bad_lines = 10;
  state.sync = sync::Status{};
  state.sync->stats.stalls = 11;
  state.sync->stats.access.changes_refused = 12;
  const FaultCounts counts = node::fault_counts(state);
  CHECK(counts[Fault::answers_dropped] == 6);
  CHECK(counts[Fault::deltas_dropped] == 3);
  CHECK(counts[Limit::connections] == 5);
  CHECK(counts[Limit::peers] == 0);
  CHECK(counts[Fault::snapshots_failed] == 6);
  CHECK(counts[Fault::snapshots_refused] == 1);
  CHECK(counts[Fault::exports_failed] == 7);
  CHECK(counts[Fault::access_states_failed] == 8);
  CHECK(counts[Fault::access_changes_refused] == 21);
  CHECK(counts[Fault::access_lines_bad] == 10);
  CHECK(counts[Fault::stalls] == 11);
}
