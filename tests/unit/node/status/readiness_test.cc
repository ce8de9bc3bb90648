#include "node/status/readiness.h"

#include <doctest/doctest.h>

#include <string>

using namespace shoal;
using namespace shoal::node;

namespace {

std::string reason(const ReadinessFacts& facts) {
  const Readiness readiness = readiness_of(facts);
  CHECK(readiness.ready == readiness.reason.empty());
  return readiness.reason;
}

}  // namespace

TEST_CASE("readiness: without sync a node is ready at once") { CHECK(reason({}).empty()); }

TEST_CASE("readiness: a node of a cluster is ready once it holds what the others hold") {
  sync::Status sync;
  ReadinessFacts facts;
  facts.sync = &sync;
  sync.phase = sync::SyncPhase::waiting;
  CHECK(reason(facts) == "starting: no other member heard yet");
  sync.members.emplace_back();
  sync.members[0].state = sync::MemberState::down;
  CHECK(reason(facts) == "starting: no other member heard yet");
  sync.members[0].state = sync::MemberState::alive;
  CHECK(reason(facts) == "starting: no member can give us the peers yet");
  sync.phase = sync::SyncPhase::bootstrapping;
  sync.donor = "node-b";
  sync.percent = 42;
  CHECK(reason(facts) == "bootstrapping from node-b (42 %)");
  sync.phase = sync::SyncPhase::checking;
  CHECK(reason(facts) == "digest check");
  sync.phase = sync::SyncPhase::synced;
  CHECK(reason(facts).empty());
}

TEST_CASE("readiness: stopping is reported before the snapshot, the snapshot before the members") {
  sync::Status sync;
  ReadinessFacts facts;
  facts.snapshot_percent = 42;
  facts.sync = &sync;
  sync.phase = sync::SyncPhase::waiting;
  CHECK(reason(facts) == "loading the snapshot (42 %)");
  facts.phase = Phase::draining;
  CHECK(reason(facts) == "draining");
  facts.phase = Phase::stopping;
  CHECK(reason(facts) == "stopping");
}

TEST_CASE("readiness: with an access list, its run-time changes are waited for first") {
  sync::Status sync;
  sync.members.emplace_back();
  ReadinessFacts facts;
  facts.sync = &sync;
  sync.phase = sync::SyncPhase::synced;
  CHECK(reason(facts).empty());
  facts.access_matters = true;
  CHECK(reason(facts) == "getting the run-time changes of the access list from the other nodes");
  sync.access_in_step = true;
  CHECK(reason(facts).empty());
  sync.access_in_step = false;
  facts.uptime_ms = 30'000;
  CHECK(reason(facts).empty());
}
