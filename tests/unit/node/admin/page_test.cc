#include "node/admin/page/page.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "node/admin/page/html.h"
#include "node/admin/page/page_chart.h"
#include "node/config/version.h"
#include "node/status/problems.h"
#include "tests/unit/support/page_samples.h"

using namespace shoal;

namespace {

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

node::History::Point point_at(int64_t unix_ms) {
  node::History::Point point;
  point.unix_ms = unix_ms;
  return point;
}

void set(node::History::Point& point, node::Series series, double value) {
  point.values[static_cast<size_t>(series)] = value;
}

}  // namespace

TEST_CASE("page: numbers, members and their states") {
  node::NodeState state = example();
  state.sync->members = {member("b", sync::MemberState::alive), member("c", sync::MemberState::suspect),
                         member("d", sync::MemberState::down)};
  state.sync->members[0].loss_in_permille = 10;
  state.sync->members[2].heard_ago_ms = 300'000;
  const std::string page = node::page_html(state, {}, {});
  CHECK(has(page, "1,234,567"));
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

TEST_CASE("page: nodes that are down, silent or refused do not count as alive") {
  node::NodeState state = example();
  for (const auto state_of : {sync::MemberState::alive, sync::MemberState::refused,
                              sync::MemberState::suspect, sync::MemberState::down}) {
    state.sync->members.push_back(member("b", state_of));
  }
  state.sync->members[1].refused = "tracker.peer_timeout_s is 60 there and 2700 here";
  CHECK(has(node::page_html(state, {}, {}), "<b>2 of 5</b><span>nodes: 1 down, 1 refused, 1 suspect</span>"));
  state.sync->members = {member("b", sync::MemberState::alive)};
  CHECK(has(node::page_html(state, {}, {}), "<b>2 of 2</b><span>nodes</span>"));
}

TEST_CASE("page: a node that has left is none of the cluster's any more") {
  node::NodeState state = example();
  state.sync->members = {member("b", sync::MemberState::alive), member("c", sync::MemberState::left)};
  state.sync->members[1].heard_ago_ms = 300'000;
  const std::string page = node::page_html(state, {}, {});
  CHECK(has(page, "<b>2 of 2</b><span>nodes: 1 left</span>"));
  CHECK(has(page, ">5 min ago</text>"));
  CHECK(has(page, "Nothing is wrong"));
  CHECK(has(page, "<tr class=\"old\""));
}

TEST_CASE("page: why a member is refused stands below it") {
  node::NodeState state = example();
  state.sync->members = {member("b", sync::MemberState::refused)};
  state.sync->members[0].refused = "tracker.peer_timeout_s is 60 there and 2700 here";
  const std::string page = node::page_html(state, {}, {});
  CHECK(has(page,
            "<tr class=\"why\"><td colspan=\"10\">refused: tracker.peer_timeout_s is 60 there and 2700 "
            "here</td></tr>"));
  CHECK(has(page, "<path class=\"link refused\""));
  CHECK(!has(page, "lag 23.4 ms"));  // nothing is exchanged
}

TEST_CASE("page: what is known of a node that is down is marked as old") {
  node::NodeState state = example();
  state.sync->members = {member("b", sync::MemberState::alive), member("c", sync::MemberState::down)};
  state.sync->members[1].heard_ago_ms = 300'000;
  state.sync->members[1].clock_offset_ms = 50'000;
  const std::string page = node::page_html(state, {}, {});
  const size_t old = page.find("<tr class=\"old\" title=\"as last heard, 5 min ago\"><td>c<small");
  REQUIRE(old != std::string::npos);
  CHECK(page.find("<tr class=\"old\"", old + 1) == std::string::npos);
  // Nor is an old figure pointed out.
  CHECK(has(page, "<td class=\"wide\">+50.0 s</td>"));
}

TEST_CASE("page: clocks that differ are pointed out, and so are other versions") {
  node::NodeState state = example();
  state.sync->wall_ahead_ms = 2'000;
  state.sync->members = {member("b", sync::MemberState::alive), member("c", sync::MemberState::alive),
                         member("d", sync::MemberState::alive)};
  state.sync->members[0].clock_offset_ms = -999;
  state.sync->members[1].clock_offset_ms = -1'000;
  state.sync->members[2].clock_offset_ms = 10'000;
  state.sync->members[0].version = node::version();
  state.sync->members[1].version = "0.0.1";
  const std::string page = node::page_html(state, {}, {});
  CHECK(has(page, "<td class=\"wide clock-different\">+2.0 s</td>"));  // this machine's
  CHECK(has(page, "<td class=\"wide\">-999 ms</td>"));
  CHECK(has(page, "<td class=\"wide clock-different\">-1.0 s</td>"));
  CHECK(has(page, "<td class=\"wide clock-off\">+10.0 s</td>"));
  CHECK(has(page, std::string("<td class=\"wide\">") + node::version() + "</td>"));
  CHECK(has(page, "<td class=\"wide version-different\">0.0.1</td>"));
  CHECK(has(page, "<td class=\"wide\">–</td>"));  // d does not say
}

TEST_CASE("page: a member that is not synced yet, and one that has not been measured yet") {
  node::NodeState state = example();
  state.sync->members = {member("b", sync::MemberState::alive)};
  state.sync->members[0].synced = false;
  state.sync->members[0].lag_us = 0;
  const std::string page = node::page_html(state, {}, {});
  CHECK(has(page, ">not synced yet</text>"));
  CHECK(has(page, ">lag –</text>"));
  CHECK(has(page, "<td class=\"wide\">no</td>"));
  CHECK(has(page, "<path class=\"link alive\""));
}

TEST_CASE("page: the problems stand on top, or that there are none") {
  node::NodeState state = example();
  state.sync->members = {member("b", sync::MemberState::alive)};
  std::string page = node::page_html(state, {}, {});
  CHECK(has(page, "Nothing is wrong, as far as this node knows."));
  state.readiness = {false, "draining"};
  state.lately[node::Limit::peers] = 3;
  page = node::page_html(state, {}, {});
  CHECK(!has(page, "Nothing is wrong"));
  const size_t error = page.find("<li class=\"error\">this node is not ready: draining</li>");
  const size_t warning = page.find("<li class=\"warning\">limits hit in the last 5 min: peers 3 times</li>");
  CHECK(error < warning);
  CHECK(warning < page.find("<main>"));
}

TEST_CASE("page: totals of the cluster beside those of this node") {
  node::NodeState state = example();
  state.announces_per_s = 100;
  state.sync->members = {member("b", sync::MemberState::alive), member("c", sync::MemberState::down)};
  state.sync->members[0].announces_per_s = 23;
  state.sync->members[1].announces_per_s = 1'000;  // was so
  const std::string page = node::page_html(state, {}, {});
  const size_t cluster = page.find("<h2>Whole cluster");
  const size_t node = page.find("<h2>This node</h2>");
  REQUIRE(cluster < node);
  CHECK(has(page.substr(cluster, node - cluster), "<b>123/s</b><span>announces</span>"));
  CHECK(has(page.substr(node), "<b>100/s</b><span>announces</span>"));
  state.sync.reset();
  CHECK(!has(node::page_html(state, {}, {}), "Whole cluster"));
}

TEST_CASE("page: how long requests and changes take") {
  node::NodeState state = example();
  state.latency[static_cast<size_t>(node::Timing::udp)] = node::Percentiles{40, 250, 1'500};
  state.latency[static_cast<size_t>(node::Timing::lag)] = node::Percentiles{23'400, 30e6, 30e6};
  const std::string page = node::page_html(state, {}, {});
  CHECK(has(page, "<td>UDP requests</td><td>40 µs</td><td>250 µs</td><td>1.5 ms</td>"));
  CHECK(has(page, "<td>HTTP requests</td><td>–</td><td>–</td><td>–</td>"));
  CHECK(has(page, "changes of other nodes</td><td>23.4 ms</td><td>over 30.0 s</td><td>over 30.0 s</td>"));
}

TEST_CASE("page: foreign text is escaped, wherever it stands") {
  for (const auto& [name, page] : test::page_samples()) {
    CAPTURE(name);
    CHECK(!has(page, "<script>alert"));
    CHECK(!has(page, "<img"));
    CHECK(!has(page, "\x01"));
    CHECK(!has(page, "\xff"));
    CHECK(!has(page, "{{"));
  }
  node::NodeState state = example();
  state.name = "<\"'&\x01";
  CHECK(has(node::page_html(state, {}, {}), "<h1>&lt;&quot;&#39;&amp;\\x01</h1>"));
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

TEST_CASE("page: names of members are links if the operator says where their pages are") {
  node::NodeState state = example();
  state.sync->members = {member("b\" onclick=\"", sync::MemberState::alive)};
  CHECK(!has(node::page_html(state, {}, {}), "<a rel="));
  state.member_url = "http://{name}:9697/";
  const std::string page = node::page_html(state, {}, {});
  CHECK(
      has(page,
          "<td><a rel=\"noreferrer\" href=\"http://b%22%20onclick%3D%22:9697/\">b&quot; onclick=&quot;</a>"));
}

TEST_CASE("page: charts need two points; top swarms are links") {
  node::History::Point point = point_at(1'000'000);
  set(point, node::Series::udp_announces, 7);
  const std::string one = node::page_html(example(), {point}, {});
  CHECK(has(one, "The line begins"));
  CHECK(!has(one, "class=\"line"));
  node::History::Point later = point;
  later.unix_ms += node::kHistoryStepMs;
  const std::string two = node::page_html(example(), {point, later}, {{{}, {12'345, 6, 7}}});
  CHECK(has(two, "data-values=\"7/s|7/s\" d=\"M387,"));  // 10 s of 5 min
  CHECK(has(two, "data-times=\"1000|1010\" data-range=\"300\""));
  CHECK(has(two, "href=\"/swarm?info_hash=" + std::string(40, '0')));
  CHECK(has(two, "12,345"));
}

TEST_CASE("page: the largest countries and autonomous systems, if they are counted") {
  node::NodeState state = example();
  const auto html = [&] { return node::page_html(state, {}, {}); };
  CHECK(has(html(), "<section id=\"places\"></section>"));
  state.places = node::PlaceStatus{};
  CHECK(has(html(), "Not counted yet"));
  node::PlaceCounts counts;
  for (uint32_t i = 0; i < 22; ++i) {
    counts.countries.push_back({{'N', static_cast<char>('A' + i)}, 1'000 - i});
    counts.asns.push_back({64'496 + i, 2'000 - i});
  }
  counts.peers_beyond = 11;
  counts.peers_of_no_country = 77;
  state.places->counts = std::make_shared<const node::PlaceCounts>(counts);
  const std::string full = html();
  CHECK(has(full, "<td>NA</td><td>1,000</td>"));
  CHECK(has(full, "<td>NT</td><td>981</td>"));
  CHECK(!has(full, "<td>NU</td>"));
  CHECK(has(full, "<td>AS64496</td><td>2,000</td>"));
  CHECK(!has(full, "<td>AS64516</td>"));
  CHECK(has(full, "<td>others</td><td>1,959</td>"));  // NU and NV
  CHECK(has(full, "<td>others</td><td>3,970</td>"));  // two, and 11 beyond
  CHECK(has(full, "<td>not known</td><td>77</td>"));
  CHECK(!has(full, "<td>not known</td><td>0</td>"));
}

TEST_CASE("page: charts show as much time as there is, or what is chosen") {
  const auto points = [](int64_t minutes) {
    return std::vector{point_at(0), point_at(minutes * 60'000 - 10'000), point_at(minutes * 60'000)};
  };
  CHECK(node::fitting_minutes({}) == 5);
  CHECK(node::fitting_minutes(points(5)) == 5);
  CHECK(node::fitting_minutes(points(6)) == 15);
  CHECK(node::fitting_minutes(points(16)) == 60);
  CHECK(node::fitting_minutes(points(600)) == 60);
  const std::string fitting = node::page_html(example(), points(6), {});
  CHECK(has(fitting, ">15 min ago<"));
  CHECK(has(fitting, "<a href=\"/?minutes=15\" aria-current=\"true\">15 min</a>"));
  CHECK(!has(fitting, "all there is"));
  const std::string chosen = node::page_html(example(), points(6), {}, 5);
  CHECK(has(chosen, ">5 min ago<"));
  CHECK(has(chosen, "<a href=\"/?minutes=5\" aria-current=\"true\">5 min</a>"));
  CHECK(has(chosen, "<a href=\"/\">all there is</a>"));
  CHECK(has(chosen, "data-times=\"350|360\""));  // the first point is too old
}

TEST_CASE("page: a line is broken where nothing was measured") {
  std::vector<node::History::Point> points;
  for (int i = 0; i < 5; ++i) {
    points.push_back(point_at(i * node::kHistoryStepMs));
    set(points.back(), node::Series::udp_p99, i == 2 ? std::nan("") : 500);
    set(points.back(), node::Series::http_p99, i == 3 ? 500 : std::nan(""));
  }
  const std::string page = node::page_html(example(), points, {});
  CHECK(has(page, "data-values=\"500 µs|500 µs|–|500 µs|500 µs\" d=\"M347,16.0h0L347,16.0 360,16.0M387,"));
  CHECK(has(page, "data-values=\"–|–|–|500 µs|–\" d=\"M387,16.0h0L387,16.0\""));
}

TEST_CASE("page: byte rates have their own units") {
  node::History::Point point;
  set(point, node::Series::bytes_received, 294);
  set(point, node::Series::bytes_sent, 1'430);
  const std::string page = node::page_html(example(), {point}, {});
  CHECK(has(page, "in <span>294 B/s</span>"));
  CHECK(has(page, "out <span>1.43 kB/s</span>"));
}

TEST_CASE("html: labels have a greatest width, texts a greatest length") {
  CHECK(node::html_label("abcde", 5) == "abcde");
  CHECK(node::html_label("abcdef", 5) == "abcd…");
  CHECK(node::html_label("a\x01\x02", 5) == "a\\x0…");
  CHECK(node::html_label("<<<<<<", 5) == "&lt;&lt;&lt;&lt;…");
  CHECK(node::html_text(std::string(300, 'x')).size() == 103);
}
