#include "node/admin/page/page.h"

#include <doctest/doctest.h>

#include <string>

#include "node/admin/page/html.h"
#include "node/text/amount_text.h"

using namespace shoal;

namespace {

const std::string kHostile = "<script>alert(1)</script>\"'&\x01\xff";

sync::MemberStatus member(const std::string& name, sync::MemberState state) {
  sync::MemberStatus status;
  status.name = name;
  status.state = state;
  status.datagrams_received = 99;
  status.round_trip_us = 1'500;
  status.lag_us = 23'400;
  status.synced = true;
  return status;
}

node::NodeState example() {
  node::NodeState state;
  state.name = "a";
  state.cluster = "test";
  state.readiness = {true, ""};
  state.store.swarms = 1'234'567;
  state.sync = sync::Status{};
  return state;
}

bool has(const std::string& page, const std::string& text) { return page.find(text) != std::string::npos; }

}  // namespace

TEST_CASE("page: numbers, members and their states") {
  node::NodeState state = example();
  state.sync->members = {member("b", sync::MemberState::alive), member("c", sync::MemberState::suspect),
                         member("d", sync::MemberState::down)};
  state.sync->members[0].loss_in_permille = 10;
  state.sync->members[2].heard_ago_ms = 300'000;
  const std::string page = node::page_html(state, {}, {});
  CHECK(has(page, "1,234,567"));
  CHECK(has(page, "2 of 4"));
  CHECK(has(page, "<td class=\"wide\">1.5 ms</td>"));
  CHECK(has(page, "<td>23.4 ms</td>"));
  CHECK(has(page, ">lag 23.4 ms</text>"));
  CHECK(has(page, ">synced</text>"));
  CHECK(has(page, "<td>1 %</td>"));
  CHECK(has(page, "<path class=\"link alive\""));
  CHECK(has(page, "<path class=\"link suspect\""));
  CHECK(has(page, "<path class=\"link down\""));
  CHECK(has(page, "silent 5 min"));
  CHECK(!has(page, "{{"));
}

TEST_CASE("page: a member that is not synced yet, and one that has not been measured yet") {
  node::NodeState state = example();
  state.sync->members = {member("b", sync::MemberState::alive)};
  state.sync->members[0].synced = false;
  state.sync->members[0].lag_us = 0;
  const std::string page = node::page_html(state, {}, {});
  CHECK(has(page, ">not synced yet</text>"));
  CHECK(has(page, ">lag –</text>"));
  CHECK(has(page, "<td>no</td>"));
  CHECK(has(page, "<path class=\"link alive\""));
}

TEST_CASE("page: foreign text is escaped") {
  node::NodeState state = example();
  state.name = kHostile;
  state.cluster = kHostile;
  state.readiness = {false, kHostile};
  state.sync->members = {member(kHostile, sync::MemberState::alive)};
  state.sync->members[0].refused = kHostile;
  const std::string page = node::page_html(state, {}, {});
  CHECK(!has(page, "<script>alert"));
  CHECK(!has(page, "\x01"));
  CHECK(!has(page, "\xff"));
  CHECK(has(page, "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\x01\\xff"));
}

TEST_CASE("page: a node that has heard no member, and one without sync") {
  node::NodeState state = example();
  CHECK(has(node::page_html(state, {}, {}), "No other member has been heard yet."));
  state.sync.reset();
  CHECK(has(node::page_html(state, {}, {}), "sync is off"));
}

TEST_CASE("page: more members than fit the picture") {
  node::NodeState state = example();
  for (int i = 0; i < 300; ++i) state.sync->members.push_back(member("m", sync::MemberState::alive));
  const std::string page = node::page_html(state, {}, {});
  CHECK(has(page, "and 284 more, in the table"));
  CHECK(has(page, "and 44 more"));
}

TEST_CASE("page: charts need two points; top swarms are links") {
  node::History::Point point;
  point.unix_ms = 1'000'000;
  point.values[static_cast<size_t>(node::Series::udp_announces)] = 7;
  const std::string one = node::page_html(example(), {point}, {});
  CHECK(has(one, "The line begins"));
  CHECK(!has(one, "<polyline"));
  node::History::Point later = point;
  later.unix_ms += node::kHistoryStepMs;
  const std::string two = node::page_html(example(), {point, later}, {{{}, {12'345, 6, 7}}});
  CHECK(has(two, "<polyline class=\"s0\" points=\"399,"));
  CHECK(has(two, "400,"));
  CHECK(has(two, "href=\"/v1/swarms/" + std::string(40, '0')));
  CHECK(has(two, "12,345"));
}

TEST_CASE("page: byte rates have their own units") {
  node::History::Point point;
  point.values[static_cast<size_t>(node::Series::bytes_received)] = 294;
  point.values[static_cast<size_t>(node::Series::bytes_sent)] = 1'430;
  const std::string page = node::page_html(example(), {point}, {});
  CHECK(has(page, "in 294 B/s"));
  CHECK(has(page, "out 1.43 kB/s"));
}

TEST_CASE("page: amounts are rounded to three digits") {
  CHECK(node::amount_text(0) == "0");
  CHECK(node::amount_text(0.4) == "0.4");
  CHECK(node::amount_text(12.34) == "12.3");
  CHECK(node::amount_text(12) == "12");
  CHECK(node::amount_text(950) == "950");
  CHECK(node::amount_text(999.9) == "1.00 k");
  CHECK(node::amount_text(123'456) == "123 k");
  CHECK(node::amount_text(4.56e9) == "4.56 G");
  CHECK(node::permille_text(0) == "0 %");
  CHECK(node::permille_text(3) == "0.3 %");
  CHECK(node::permille_text(20) == "2 %");
  CHECK(node::permille_text(1000) == "100 %");
  CHECK(node::grouped_text(0) == "0");
  CHECK(node::grouped_text(999) == "999");
  CHECK(node::grouped_text(1000) == "1,000");
  CHECK(node::grouped_text(UINT64_MAX) == "18,446,744,073,709,551,615");
  CHECK(node::seconds_text(119) == "119 s");
  CHECK(node::seconds_text(200'000) == "2 d");
  CHECK(node::html_text(std::string(300, 'x')).size() == 103);
}
