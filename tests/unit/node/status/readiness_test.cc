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

TEST_CASE("readiness: a node that cannot serve is not ready, whatever it holds") {
  ReadinessFacts facts;
  facts.serving_fault = "UDP answers cannot be sent: Operation not permitted";
  CHECK(reason(facts) == facts.serving_fault);
  facts.phase = Phase::draining;
  CHECK(reason(facts) == "draining");
}

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
  sync.members[0].name = "b";
  sync.members[0].address = common::make_endpoint_v4(0xc0000201, 6970);
  sync.members[0].pull_trouble = "connection timed out";
  CHECK(reason(facts) ==
        "bootstrapping from node-b (42 %); TCP to b (192.0.2.1:6970) fails: connection timed out");
  sync.phase = sync::SyncPhase::waiting;
  CHECK(
      reason(facts) ==
      "starting: no member can give us the peers yet; TCP to b (192.0.2.1:6970) fails: connection timed out");
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
  facts.access_in_force = false;
  CHECK(reason(facts) == "getting the run-time changes of the access list from the other nodes");
  facts.access_in_force = true;
  CHECK(reason(facts).empty());
  sync.access_in_step = false;
  facts.uptime_ms = 30'000;
  CHECK(reason(facts).empty());
}

TEST_CASE("readiness: alone, a node is ready if it may be, and says of each peer why not") {
  sync::Status sync;
  sync.phase = sync::SyncPhase::synced;
  sync.alone = true;
  sync.peers = {{"10.0.0.2:6970", sync::PeerSight::silent, "silent"},
                {"10.0.0.3:6970", sync::PeerSight::other_key, "seals with key 47bb0aa6 that this node lacks"},
                {"10.0.0.1:6970", sync::PeerSight::own, "is this node"}};
  ReadinessFacts facts;
  facts.sync = &sync;
  const std::string why =
      "alone: no sync peer of 2 answers (10.0.0.2:6970 silent, 10.0.0.3:6970 seals with key 47bb0aa6 that "
      "this node lacks)";
  CHECK(reason(facts) == why);
  CHECK(readiness_of(facts).waits_for_others);
  sync.held = true;
  CHECK(reason(facts).empty());
  facts.ready_alone = ReadyAlone::never;
  CHECK(reason(facts) == why);
  facts.ready_alone = ReadyAlone::always;
  sync.held = false;
  CHECK(reason(facts).empty());
  facts.ready_alone = ReadyAlone::held;
  sync.alone = false;
  CHECK(reason(facts).empty());
  sync.phase = sync::SyncPhase::waiting;
  CHECK(!readiness_of(facts).waits_for_others);
}

TEST_CASE("readiness: a node whose name is taken is not ready, whatever else") {
  sync::Status sync;
  sync.name_taken_by = common::make_endpoint_v4(0x0a000002, 6970);
  ReadinessFacts facts;
  facts.sync = &sync;
  facts.ready_alone = ReadyAlone::always;
  const std::string why =
      "refused: another node of this name was there first, at 10.0.0.2:6970; give each node a name of its "
      "own "
      "(node.name)";
  for (const auto phase :
       {sync::SyncPhase::waiting, sync::SyncPhase::bootstrapping, sync::SyncPhase::synced}) {
    sync.phase = phase;
    CHECK(reason(facts) == why);
    CHECK(readiness_of(facts).waits_for_others);
  }
  facts.phase = Phase::draining;
  CHECK(reason(facts) == "draining");
}

TEST_CASE("readiness: many peers are counted, some of them named") {
  std::vector<sync::PeerStatus> peers;
  for (int i = 0; i < 20; ++i) peers.push_back({"p" + std::to_string(i), sync::PeerSight::silent, "silent"});
  const std::string text = sync::alone_text(peers);
  CHECK(text.starts_with("no sync peer of 20 answers (p0 silent, p1 silent, "));
  CHECK(text.ends_with("p7 silent and 12 more)"));
  peers.resize(1);
  CHECK(sync::alone_text(peers) == "the only sync peer does not answer (p0 silent)");
}
