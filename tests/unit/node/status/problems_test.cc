#include "node/status/problems.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/support/page_samples.h"

using namespace shoal;
using node::Fault;
using node::Limit;
using node::Problem;
using node::Severity;
using sync::MemberState;

namespace {

// All that is wrong.
std::vector<Problem> found(const node::NodeState& state) { return node::problems_of(state); }

void check_only(const node::NodeState& state, Severity severity, const std::string& text) {
  const auto problems = found(state);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].text == text);
  CHECK(problems[0].severity == severity);
}

}  // namespace

TEST_CASE("problems: none") {
  CHECK(found(test::well_node(3)).empty());
  node::NodeState single = test::well_node(0);
  single.sync.reset();
  CHECK(found(single).empty());
}

TEST_CASE("problems: this node") {
  node::NodeState state = test::well_node(2);
  state.readiness = {false, "bootstrapping from b (37 %)"};
  check_only(state, Severity::error, "this node is not ready: bootstrapping from b (37 %)");
}

TEST_CASE("problems: feeds that fail") {
  node::NodeState state = test::well_node(2);
  node::FeedStatus feed;
  feed.name = "level1";
  feed.entries = 1'234;
  state.feeds = {feed};
  CHECK(found(state).empty());
  state.feeds[0].failures = 3;
  state.feeds[0].reason = "HTTP status 500";
  check_only(
      state, Severity::warning,
      "the feed level1 could not be fetched (3 times in a row), and its 1,234 entries stay in force: HTTP "
      "status 500");
  state.feeds[0].entries = 0;
  check_only(
      state, Severity::warning,
      "the feed level1 could not be fetched (3 times in a row), and none of it is in force: HTTP status 500");
  state.feeds[0].failures = 0;
  state.feeds[0].copy_error = "no space";
  check_only(state, Severity::warning, "the copy of the feed level1: no space");
  state.feeds.assign(30, state.feeds[0]);
  CHECK(found(state).size() == node::kProblemMembersMax + 1);
}

TEST_CASE("problems: members that are down or refused") {
  node::NodeState state = test::well_node(2);
  state.sync->members[0].state = MemberState::down;
  state.sync->members[0].heard_ago_ms = 300'000;
  check_only(state, Severity::error, "b (192.0.2.1:6970) is down: silent for 5 min");
  // What it was refused for is old news.
  state.sync->members[0].refused = "x";
  check_only(state, Severity::error, "b (192.0.2.1:6970) is down: silent for 5 min");

  state = test::well_node(2);
  state.sync->members[1].state = MemberState::refused;
  state.sync->members[1].refused = "tracker.peer_timeout_s is 60 there and 2700 here";
  check_only(
      state, Severity::error,
      "c (192.0.2.2:6970) is refused, no peers are exchanged with it: tracker.peer_timeout_s is 60 there "
      "and 2700 here");

  // Silence of some seconds is no news yet.
  state = test::well_node(2);
  state.sync->members[1].state = MemberState::suspect;
  CHECK(found(state).empty());
}

TEST_CASE("problems: links that pass one way, and a blocked TCP port") {
  node::NodeState state = test::well_node(2);
  sync::MemberStatus& b = state.sync->members[0];
  b.state = MemberState::one_way;
  const std::string deaf =
      "b (192.0.2.1:6970) is heard, but does not hear this node: look at firewalls and NAT from here to it; ";
  check_only(state, Severity::error, deaf + "no changes cross");
  b.answers_pulls = true;
  check_only(state, Severity::error, deaf + "changes go by TCP");
  b.heard_by = {"c"};
  check_only(state, Severity::error, deaf + "changes go by c");
  b.state = MemberState::down;
  b.heard_ago_ms = 300'000;
  check_only(
      state, Severity::error,
      "b (192.0.2.1:6970) is not heard by this node (silent for 5 min), but by c: look at firewalls and NAT "
      "from it to here; changes go by c");
  b.heard_by.clear();
  check_only(state, Severity::error,
             "b (192.0.2.1:6970) runs and answers by TCP, but none of its datagrams arrives (silent for 5 "
             "min): look "
             "at firewalls and NAT for UDP from it to here; changes go by TCP");

  state = test::well_node(2);
  state.sync->members[1].pull_trouble = "connection timed out";
  check_only(state, Severity::warning,
             "c (192.0.2.2:6970) cannot be pulled from, TCP to its sync.listen fails: connection timed out");
}

TEST_CASE("problems: a node that is alone") {
  check_only(test::well_node(0), Severity::warning,
             "no other member has been heard: this node has only the peers of its own clients");
  node::NodeState state = test::well_node(1);
  state.sync->members[0].state = MemberState::down;
  const auto problems = found(state);
  REQUIRE(problems.size() == 2);
  CHECK(problems[0].text == "no other member is up: this node hears nothing of their clients");
}

TEST_CASE("problems: what keeps a node from being ready is told once") {
  node::NodeState state = test::well_node(0);
  state.sync->alone = true;
  state.sync->peers = {{"192.0.2.1:6970", sync::PeerSight::silent, "silent"}};
  check_only(state, Severity::error,
             "this node is alone: the only sync peer does not answer (192.0.2.1:6970 silent)");
  state.readiness = {false, "alone: the only sync peer does not answer (192.0.2.1:6970 silent)", true};
  check_only(state, Severity::error, "this node is not ready: " + state.readiness.reason);
}

TEST_CASE("problems: addresses in sync.peers where nobody is met") {
  node::NodeState state = test::well_node(2);
  using sync::PeerSight;
  state.sync->peers = {{"192.0.2.1:6970", PeerSight::met, "met"}, {"x", PeerSight::own, "this node"}};
  CHECK(found(state).empty());
  state.sync->peers.push_back({"b.example:6970", PeerSight::unresolved, "has no address"});
  check_only(state, Severity::warning, "no member is met at b.example:6970 of sync.peers: has no address");
  // A member that is down is told of by itself.
  state.sync->peers = {{"192.0.2.1:6970", PeerSight::silent, "silent"}};
  state.sync->members[0].state = MemberState::down;
  check_only(state, Severity::error, "b (192.0.2.1:6970) is down: silent for 0 s");
  state = test::well_node(2);
  state.sync->peers.assign(node::kProblemMembersMax + 3, {"y:1", PeerSight::silent, "silent"});
  const auto problems = found(state);
  REQUIRE(problems.size() == node::kProblemMembersMax + 1);
  CHECK(problems.back().text == "no member is met at 3 more addresses of sync.peers");
}

TEST_CASE("problems: many members are named in few lines") {
  node::NodeState state = test::well_node(200);
  for (size_t i = 1; i < state.sync->members.size(); ++i) state.sync->members[i].state = MemberState::down;
  const auto problems = found(state);
  REQUIRE(problems.size() == node::kProblemMembersMax + 1);
  CHECK(problems.back().text == "194 more are down: h, i, j, k, l, m, n, o, p, q, ...");
}

TEST_CASE("problems: members whose peers differ for long") {
  node::NodeState state = test::well_node(2);
  state.sync->members[0].agreed_ago_ms = 599'999;
  CHECK(found(state).empty());
  state.sync->members[0].agreed_ago_ms = 600'000;
  check_only(
      state, Severity::warning,
      "b (192.0.2.1:6970) and this node have held different peers for 10 min: see pulls in the status");
}

TEST_CASE("problems: memory for swarms and peers, here and on others") {
  node::NodeState state = test::well_node(2);
  state.store.memory_limit_bytes = 500'000'000;
  CHECK(found(state).empty());
  state.store.giving_up = true;
  state.sync->members[0].agreed_ago_ms = 900'000;  // no wonder
  check_only(state, Severity::warning,
             "the memory for swarms and peers (500 MB) is full: swarms of one address, new and without live "
             "peers are given up for others; raise limits.memory_mb, or find out who fills it");
  state.store.giving_up = false;
  state.sync->members[0].partial = true;
  check_only(state, Severity::warning, "b (192.0.2.1:6970) is short of memory and gives up swarms");
}

TEST_CASE("problems: clocks") {
  node::NodeState state = test::well_node(2);
  state.sync->members[0].clock_offset_ms = -9'999;
  CHECK(found(state).empty());
  state.sync->members[0].clock_offset_ms = -10'000;
  check_only(state, Severity::warning, "the clock of b (192.0.2.1:6970) is -10.0 s off the cluster's time");

  // If only this machine's clock is wrong, nobody else is blamed for it.
  state = test::well_node(2);
  state.sync->wall_ahead_ms = 12'000;
  for (auto& member : state.sync->members) member.clock_offset_ms = -12'000;
  check_only(state, Severity::warning, "the clock of this machine is +12.0 s off the cluster's time");

  // By more than a tick, which is short here.
  state = test::well_node(2);
  state.sync->wall_ahead_ms = 300;
  state.sync->wall_off = true;
  check_only(state, Severity::warning, "the clock of this machine is +300 ms off the cluster's time");

  // That of a node that is down is old news.
  state = test::well_node(2);
  state.sync->members[0].clock_offset_ms = 50'000;
  state.sync->members[0].state = MemberState::down;
  check_only(state, Severity::error, "b (192.0.2.1:6970) is down: silent for 0 s");
}

TEST_CASE("problems: limits that were hit lately") {
  node::NodeState state = test::well_node(2);
  state.limit_hits[node::index_of(Limit::swarms)] = 99;  // long ago
  CHECK(found(state).empty());
  state.lately[Limit::swarms] = 1;
  state.lately[Limit::requests_per_s_per_prefix] = 1'234;
  check_only(state, Severity::warning,
             "limits hit in the last 5 min: swarms once, requests_per_s_per_prefix 1,234 times");
}

TEST_CASE("problems: each fault that is counted is told") {
  for (size_t i = 0; i < static_cast<size_t>(Fault::limits); ++i) {
    const auto fault = static_cast<Fault>(i);
    CAPTURE(i);
    node::NodeState state = test::well_node(2);
    state.lately[fault] = 1;
    state.last_hour[fault] = 3;
    const auto problems = found(state);
    REQUIRE(problems.size() == 1);
    const std::string& text = problems[0].text;
    CHECK((text.ends_with("(once in the last 5 min)") || text.ends_with("(3 times in the last hour)")));
  }
}

TEST_CASE("problems: the last reload failed") {
  node::NodeState state = test::well_node(2);
  state.reloads_failed = 3;  // but not the last one
  CHECK(found(state).empty());
  state.reload_error = "tracker.interval_s: \"x\" is not allowed";
  check_only(
      state, Severity::warning,
      "the last reload failed, and everything stayed as it was: tracker.interval_s: \"x\" is not allowed");
}

TEST_CASE("problems: options that wait for a restart") {
  node::NodeState state = test::well_node(2);
  state.need_restart = {"tracker.udp", "sync.listen"};
  check_only(state, Severity::warning, "changed options wait for a restart: tracker.udp, sync.listen");
  state.need_restart.assign(60, "x");
  CHECK(found(state)[0].text == "changed options wait for a restart: x, x, x, x, x, x, x, x, x, x, ...");
}

TEST_CASE("problems: a shield that is not where it should be") {
  node::NodeState state = test::well_node(2);
  state.shield.emplace();
  state.shield->interfaces = {{"eth0", "native", ""}};
  state.shield->targets = 2;
  CHECK(found(state).empty());
  state.shield->interfaces.push_back({"eth1", "auto", "no such interface"});
  check_only(state, Severity::warning,
             "xdp.interfaces: no shield on eth1, the sockets serve alone: no such interface");
  state.shield->interfaces.pop_back();
  state.shield->targets_left_out = 1'200;
  check_only(
      state, Severity::warning,
      "xdp.interfaces: the shield has no room for 1,200 of the addresses of tracker.udp: the sockets serve "
      "these alone");
  state.shield->targets_left_out = 0;
  state.shield->networks_left_out = true;
  check_only(
      state, Severity::warning,
      "xdp.interfaces: the shield has no room for all denied networks: the sockets drop their requests");
}

TEST_CASE("problems: errors come first") {
  node::NodeState state = test::mixed_node(11);
  state.lately[Limit::swarms] = 1;
  state.readiness = {false, "stopping"};
  const auto problems = found(state);
  CHECK(problems.front().severity == Severity::error);
  CHECK(problems.back().severity == Severity::warning);
  CHECK(std::is_sorted(problems.begin(), problems.end(),
                       [](const Problem& a, const Problem& b) { return a.severity < b.severity; }));
}

TEST_CASE("problems: alone, of one name with another node, and strangers") {
  node::NodeState state = test::well_node(2);
  state.sync->members[1].state = MemberState::left;
  CHECK(found(state).empty());  // it left in good order
  state.sync->members[0].namesake = common::make_endpoint_v4(0x0a000009, 6970);
  check_only(state, Severity::error,
             "two nodes are named b: the one at 10.0.0.9:6970 started later and is refused");
  state = test::well_node(2);
  state.sync->namesake = common::make_endpoint_v4(0x0a000009, 6970);
  check_only(state, Severity::error, "another node has the name of this one and is refused: 10.0.0.9:6970");
  state = test::well_node(2);
  state.sync->strangers = {{common::make_endpoint_v4(0x0a000009, 6970), "other_key",
                            "seals with key 47bb0aa6 that this node lacks", 1, 1}};
  check_only(state, Severity::warning,
             "sync packets that cannot be used: 10.0.0.9:6970 seals with key 47bb0aa6 that this node lacks");
  state = test::well_node(0);
  state.sync->alone = true;
  state.sync->peers = {{"10.0.0.2:6970", sync::PeerSight::silent, "silent"}};
  check_only(state, Severity::error,
             "this node is alone: the only sync peer does not answer (10.0.0.2:6970 silent)");
}

TEST_CASE("problems: foreign text stays short and printable") {
  node::NodeState state = test::well_node(100);
  for (auto& member : state.sync->members) {
    member.name = std::string(255, '\x1b');
    member.state = MemberState::refused;
    member.refused = std::string(5'000, '\xff');
    member.clock_offset_ms = 50'000;
    member.agreed_ago_ms = 900'000;
  }
  const auto problems = found(state);
  CHECK(problems.size() == 2 * (node::kProblemMembersMax + 1));
  for (const Problem& problem : problems) {
    CHECK(problem.text.size() < 4'000);
    CHECK(
        std::all_of(problem.text.begin(), problem.text.end(), [](char c) { return c >= 0x20 && c < 0x7f; }));
  }
}

TEST_CASE("problems: certificates that end, have ended or not begun") {
  node::NodeState state = test::well_node(2);
  state.tls = true;
  state.unix_s = 1'000'000'000;
  node::TlsCertificateInfo& one = state.certificates.emplace_back();
  one.file = "/f";
  one.not_after_unix_s = state.unix_s + node::kCertificateSoonS;
  CHECK(found(state).empty());
  one.not_after_unix_s = state.unix_s + 2 * 86'400;
  check_only(state, Severity::warning, "the certificate /f expires in 2 d");
  one.not_after_unix_s = state.unix_s - 1;
  check_only(state, Severity::error, "the certificate /f has expired: clients refuse it");
  one.not_after_unix_s = state.unix_s + 100 * 86'400;
  one.not_before_unix_s = state.unix_s + 60;
  check_only(state, Severity::error, "the certificate /f is not valid yet: clients refuse it");
  state.tls = false;
  CHECK(found(state).empty());
}
