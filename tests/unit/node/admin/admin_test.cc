#include "node/admin/admin.h"

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "node/admin/admin_host.h"
#include "node/admin/metrics.h"
#include "node/admin/page/page.h"
#include "node/admin/status_json.h"
#include "node/cli/status_table.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;

namespace {

const node::PullServerCounters pull_server;
const node::PullClientCounters pull_client;

node::NodeState example(const node::WorkerCounters& worker) {
  node::NodeState state;
  state.name = "a";
  state.cluster = "test";
  state.readiness = {false, "no other member heard yet"};
  state.store.swarms = 3;
  state.workers = {&worker, &worker};
  sync::MemberStatus member;
  member.name = "evil\"\n\x01\xff";
  member.id = 0xff;
  member.address = common::make_endpoint_v4(0x7f000001, 7070);
  member.state = sync::MemberState::suspect;
  state.sync = sync::Status{.id = 1, .incarnation = 2, .members = {member}, .stats = {}};
  state.pull_server = &pull_server;
  state.pull_client = &pull_client;
  return state;
}

const common::Endpoint kLoopback = common::make_endpoint_v4(0x7f000001, 1);

std::unique_ptr<node::StreamedAnswer> begin(node::Admin& admin, const std::string& method,
                                            const std::string& path, const common::Endpoint& client,
                                            const std::string& headers, std::string& out) {
  const std::string host = headers.find("Host:") == std::string::npos ? "Host: localhost\r\n" : "";
  const std::string text = method + " " + path + " HTTP/1.1\r\n" + host + headers + "\r\n";
  const auto* data = reinterpret_cast<const uint8_t*>(text.data());
  const proto::HttpRequest request =
      proto::parse_http_request(common::ByteSpan(data, text.size()), {.post = true});
  REQUIRE(request.state == proto::HttpState::request);
  return admin.answer(request, client, out);
}

std::string ask(node::Admin& admin, const std::string& method, const std::string& path,
                const common::Endpoint& client = kLoopback, const std::string& headers = "") {
  std::string out;
  if (const auto answer = begin(admin, method, path, client, headers, out)) {
    while (answer->next(out)) continue;
  }
  return out;
}

// The parts of a node that the admin endpoint reads.
struct FakeNode {
  std::unique_ptr<node::SwarmStore> store = test::make_store(true);
  node::ClusterClock clock{2700};
  node::FullScrapes full_scrapes{*store, clock, 0};
  node::History history;
  node::TopLists top;
  std::string token;
  bool drained = false;
  node::AdminRefusals refusals;
  int lines = 0;  // in the log, about refusals
  std::function<void(const node::ReloadReport&)> reload_done;

  node::AdminContext actions(std::function<node::NodeState()> state) {
    return {.state = std::move(state),
            .drain = [this] { return !std::exchange(drained, true); },
            .reload = [this](auto done) { reload_done = std::move(done); },
            .token = [this] { return token; },
            .answers_as = [](std::string_view host) { return node::is_admin_host(host, {}, "node-a"); },
            .refused = [this](node::AdminRefused why,
                              const common::Endpoint&) { lines += refusals.add(why, 0).has_value(); },
            .forget = [](std::string_view) { return sync::Forgotten::unknown; },
            .store = store.get(),
            .clock = &clock,
            .history = &history,
            .top = [this] { return std::make_shared<const node::TopLists>(top); },
            .full_scrapes = &full_scrapes};
  }
};

std::string get(node::Admin& admin, const std::string& path) { return ask(admin, "GET", path); }

}  // namespace

TEST_CASE("status.json: valid JSON with hostile names; workers are summed") {
  node::WorkerCounters worker;
  worker.udp[0].announces.add(5);
  worker.udp[1].announces.add(1);
  const auto json = nlohmann::json::parse(node::status_json(example(worker)));
  CHECK(json["node"]["ready"] == false);
  CHECK(json["swarms"] == 3);
  CHECK(json["requests"]["udp_announces"] == 12);
  CHECK(json["members"][0]["id"] == "00000000000000ff");
  CHECK(json["members"][0]["state"] == "suspect");
}

TEST_CASE("status.json and metrics: peers by country and autonomous system") {
  node::WorkerCounters worker;
  node::NodeState state = example(worker);
  const auto status = [&] { return nlohmann::json::parse(node::status_json(state))["places"]; };
  const auto has_line = [&](const std::string& line) {
    return node::metrics_text(state).find(line + "\n") != std::string::npos;
  };
  CHECK(status().is_null());
  CHECK(node::metrics_text(state).find("shoal_peers_by") == std::string::npos);
  state.places = node::PlaceStatus{7, 1'000, nullptr};
  CHECK(status()["index_bounds"] == 7);
  CHECK(status()["counted_unix_ms"].is_null());
  CHECK(node::metrics_text(state).find("shoal_peers_by_country{") == std::string::npos);

  node::PlaceCounts counts;
  for (uint32_t i = 0; i < 22; ++i) {
    counts.countries.push_back({{'N', static_cast<char>('A' + i)}, 1'000 - i});
    counts.asns.push_back({64'496 + i, 2'000 - i});
  }
  counts.unix_ms = 5;
  counts.peers_beyond = 11;
  counts.peers_of_no_country = 77;
  counts.peers_of_no_asn = 78;
  state.places->counts = std::make_shared<const node::PlaceCounts>(counts);
  CHECK(status()["counted_unix_ms"] == 5);
  CHECK(status()["countries"].size() == 22);
  CHECK(status()["countries"][1] == nlohmann::json{{"country", "NB"}, {"peers", 999}});
  CHECK(status()["asns"][0] == nlohmann::json{{"asn", 64'496}, {"peers", 2'000}});
  CHECK(status()["peers_beyond"] == 11);
  CHECK(has_line("shoal_peers_by_country{country=\"NT\"} 981"));
  CHECK(!has_line("shoal_peers_by_country{country=\"NU\"} 980"));
  CHECK(has_line("shoal_peers_by_country{country=\"other\"} 1959"));
  CHECK(has_line("shoal_peers_by_country{country=\"unknown\"} 77"));
  CHECK(has_line("shoal_peers_by_asn{asn=\"64496\"} 2000"));
  CHECK(has_line("shoal_peers_by_asn{asn=\"other\"} 3970"));
  CHECK(has_line("shoal_peers_by_asn{asn=\"unknown\"} 78"));
}

TEST_CASE("metrics: one sample a line, hostile names escaped") {
  node::WorkerCounters worker;
  worker.udp[0].connects.add(7);
  const std::string text = node::metrics_text(example(worker));
  CHECK(text.find(
            "shoal_requests_total{protocol=\"udp\",family=\"ipv4\",action=\"connect\",result=\"ok\"} 14\n") !=
        std::string::npos);
  CHECK(text.find("shoal_ready 0\n") != std::string::npos);
  CHECK(text.find("evil\\\"\\n") != std::string::npos);
  size_t samples = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    REQUIRE(end != std::string::npos);
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.rfind("# ", 0) == 0) continue;
    CAPTURE(line);
    CHECK(line.rfind("shoal_", 0) == 0);
    CHECK(line.rfind(' ') != std::string::npos);
    ++samples;
  }
  CHECK(samples > 50);
}

TEST_CASE("metrics: each has one name of its own, a type that fits the name, and a help text") {
  node::WorkerCounters worker;
  node::NodeState state = example(worker);
  state.snapshot = node::SnapshotStatus{};
  state.exports = node::ExportStatus{};
  std::istringstream lines(node::metrics_text(state));
  std::set<std::string> names;
  std::string help;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) help = line;
    if (!line.starts_with("# TYPE ")) continue;
    CAPTURE(line);
    std::istringstream words(line.substr(7));
    std::string name, type;
    words >> name >> type;
    CHECK(names.insert(name).second);
    CHECK(name.ends_with("_total") == (type == "counter"));
    CHECK(help.starts_with("# HELP " + name + " "));
    CHECK(help.ends_with('.'));
  }
  CHECK(names.size() > 80);
}

TEST_CASE("state and synced of a member: the status table, the page, the JSON and the metrics say the same") {
  using sync::MemberState;
  struct Case {
    std::string name;
    MemberState state;
    bool synced;
    std::string word;
  };
  const std::vector<Case> cases = {
      {"b", MemberState::alive, true, "alive"},     {"c", MemberState::alive, false, "alive"},
      {"d", MemberState::suspect, true, "suspect"}, {"e", MemberState::refused, false, "refused"},
      {"f", MemberState::down, false, "down"},      {"g", MemberState::left, false, "left"},
      {"h", MemberState::one_way, true, "one_way"}};
  node::WorkerCounters worker;
  node::NodeState state = example(worker);
  state.sync->members.clear();
  for (const Case& one : cases) {
    sync::MemberStatus member;
    member.name = one.name;
    member.state = one.state;
    member.synced = one.synced;
    if (one.state == MemberState::refused) member.refused = "it has another tick";
    state.sync->members.push_back(member);
  }
  const auto json = nlohmann::json::parse(node::status_json(state));
  std::istringstream table(node::status_table(json, false));
  std::map<std::string, std::pair<std::string, std::string>> rows;
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::string name, word, synced;
    words >> name >> word >> synced;
    rows.insert({name, {word, synced}});
  }
  const std::string page = node::page_html(state, {}, {});
  const std::string metrics = node::metrics_text(state);
  for (size_t i = 0; i < cases.size(); ++i) {
    const Case& one = cases[i];
    CAPTURE(one.name);
    const std::string synced = one.synced ? "yes" : "no";
    CHECK(json["members"][i]["state"] == one.word);
    CHECK(json["members"][i]["synced"] == one.synced);
    CHECK(rows[one.name] == std::pair(one.word, synced));
    const size_t row = page.find("<td>" + one.name + "<small");
    REQUIRE(row != std::string::npos);
    const std::string cells = page.substr(row, page.find("</tr>", row) - row);
    CHECK(cells.find("<span class=\"state " + one.word + "\">" + one.word + "</span>") != std::string::npos);
    CHECK(cells.find("<td class=\"wide\">" + synced + "</td>") != std::string::npos);
    for (const MemberState other : sync::kMemberStates) {
      const std::string sample = "shoal_sync_member_state{member=\"" + one.name + "\",state=\"" +
                                 std::string(to_string(other)) + "\"} ";
      CHECK(metrics.find(sample + (other == one.state ? "1\n" : "0\n")) != std::string::npos);
    }
    CHECK(metrics.find("shoal_sync_member_synced{member=\"" + one.name + "\"} " +
                       (one.synced ? "1\n" : "0\n")) != std::string::npos);
    // What was last known of a clock that is gone raises no alarm.
    CHECK((metrics.find("shoal_sync_member_clock_offset_seconds{member=\"" + one.name + "\"}") !=
           std::string::npos) == !is_gone(one.state));
    const bool up = one.state == MemberState::alive || one.state == MemberState::refused;
    CHECK(metrics.find("shoal_sync_member_up{member=\"" + one.name + "\"} " + (up ? "1\n" : "0\n")) !=
          std::string::npos);
    CHECK(metrics.find("shoal_sync_member_refused{member=\"" + one.name + "\"} " +
                       (one.state == MemberState::refused ? "1\n" : "0\n")) != std::string::npos);
  }
}

TEST_CASE("a node that is alone or doubled: the JSON, the metrics and /readyz say so") {
  node::WorkerCounters worker;
  node::NodeState state = example(worker);
  state.sync->alone = true;
  state.sync->peers = {
      {"10.0.0.2:6970", sync::PeerSight::silent, "silent"},
      {"10.0.0.1:6970", sync::PeerSight::own, "is this node"},
      {"b.example:6970", sync::PeerSight::unresolved, "does not resolve to an IPv4 address"}};
  state.sync->strangers = {{common::make_endpoint_v4(0x0a000009, 6970), "other_key",
                            "seals with key 47bb0aa6 that this node lacks", 7, 200}};
  state.sync->namesake = common::make_endpoint_v4(0x0a000008, 6970);
  const std::string why =
      "no sync peer of 2 answers (10.0.0.2:6970 silent, b.example:6970 does not resolve to an IPv4 address)";
  const auto json = nlohmann::json::parse(node::status_json(state));
  CHECK(json["node"]["alone"] == why);
  CHECK(json["node"]["held"] == false);
  CHECK(json["node"]["namesake"] == "10.0.0.8:6970");
  CHECK(json["node"]["name_taken_by"] == "");
  CHECK(json["sync_peers"][2]["sight"] == "unresolved");
  CHECK(json["strangers"][0]["address"] == "10.0.0.9:6970");
  const std::string table = node::status_table(json, false);
  CHECK(table.find("10.0.0.9:6970 seals with key 47bb0aa6 that this node lacks\n") != std::string::npos);
  CHECK(table.find("another node has the name of this one and is refused: 10.0.0.8:6970\n") !=
        std::string::npos);
  const std::string metrics = node::metrics_text(state);
  for (const char* sample :
       {"shoal_sync_alone 1\n", "shoal_sync_held 0\n", "shoal_sync_name_taken 0\n",
        "shoal_sync_namesakes 1\n", "shoal_sync_peer_met{peer=\"10.0.0.2:6970\"} 0\n",
        "shoal_sync_strangers{kind=\"other_key\"} 1\n", "shoal_sync_strangers{kind=\"other_cluster\"} 0\n"}) {
    CAPTURE(sample);
    CHECK(metrics.find(sample) != std::string::npos);
  }
  CHECK(metrics.find("10.0.0.1:6970") == std::string::npos);
  FakeNode fake;
  node::Admin admin(fake.actions([&] { return state; }));
  CHECK(get(admin, "/readyz").find("\r\n\r\nnot ready: no other") != std::string::npos);
  state.readiness = {true, ""};
  CHECK(get(admin, "/readyz").find("\r\n\r\nready\nalone: " + why + "\n") != std::string::npos);
  state.sync->alone = false;
  CHECK(get(admin, "/readyz").ends_with("\r\n\r\nready\n"));
}

TEST_CASE("admin: a member is forgotten by its name") {
  FakeNode fake;
  node::AdminContext context = fake.actions([] { return node::NodeState{}; });
  std::string asked;
  sync::Forgotten result = sync::Forgotten::done;
  context.forget = [&](std::string_view name) {
    asked = name;
    return result;
  };
  node::Admin admin(context);
  const auto forget = [&](const std::string& query) {
    return ask(admin, "POST", "/v1/members/forget" + query);
  };
  CHECK(forget("?name=node-b").find("{\"result\":\"node-b is forgotten\"}") != std::string::npos);
  CHECK(asked == "node-b");
  result = sync::Forgotten::runs;
  CHECK(forget("?name=node-b").rfind("HTTP/1.1 409 ", 0) == 0);
  result = sync::Forgotten::unknown;
  CHECK(forget("?name=node-c").find("no member is named node-c") != std::string::npos);
  for (const char* query : {"", "?name=", "?name=a%20b", "?id=7", "?name=a&name=b"}) {
    CAPTURE(query);
    CHECK(forget(query).rfind("HTTP/1.1 400 ", 0) == 0);
  }
  CHECK(ask(admin, "GET", "/v1/members/forget?name=b").rfind("HTTP/1.1 400 ", 0) == 0);
}

TEST_CASE("loss of a member: the status table, the page and the metrics show the same recent share") {
  node::WorkerCounters worker;
  node::NodeState state = example(worker);
  sync::MemberStatus& member = state.sync->members[0];
  member.name = "b";
  member.loss_in_permille = 23;
  member.loss_out_permille = 5;
  // Of the whole run it would be half.
  member.datagrams_received = 100;
  member.lost = 100;
  member.repaired = 50;
  const std::string table = node::status_table(nlohmann::json::parse(node::status_json(state)), false);
  CHECK(table.find("  2.3 %    0.5 %") != std::string::npos);
  const std::string page = node::page_html(state, {}, {});
  CHECK(page.find("<td>2.3 %</td>") != std::string::npos);
  CHECK(page.find(">2.3 % loss</text>") != std::string::npos);
  const std::string metrics = node::metrics_text(state);
  const std::string ratio = "shoal_sync_member_loss_ratio{member=\"b\",direction=";
  CHECK(metrics.find(ratio + "\"in\"} 0.023\n") != std::string::npos);
  CHECK(metrics.find(ratio + "\"out\"} 0.005\n") != std::string::npos);
}

TEST_CASE("admin: paths and statuses") {
  node::WorkerCounters worker;
  node::NodeState state = example(worker);
  FakeNode fake;
  node::Admin admin(fake.actions([&] { return state; }));
  CHECK(get(admin, "/healthz").rfind("HTTP/1.1 200 ", 0) == 0);
  CHECK(get(admin, "/readyz").rfind("HTTP/1.1 503 ", 0) == 0);
  CHECK(get(admin, "/readyz").find("no other member heard yet") != std::string::npos);
  state.readiness = {true, ""};
  CHECK(get(admin, "/readyz").rfind("HTTP/1.1 200 ", 0) == 0);
  CHECK(get(admin, "/status.json").find("Content-Type: application/json\r\n") != std::string::npos);
  CHECK(get(admin, "/metrics").find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n") !=
        std::string::npos);
  CHECK(get(admin, "/").rfind("HTTP/1.1 200 ", 0) == 0);
  CHECK(get(admin, "/../etc").rfind("HTTP/1.1 404 ", 0) == 0);
}

TEST_CASE("admin: a full scrape, whole or refused") {
  FakeNode fake;
  node::Admin admin(fake.actions([] { return node::NodeState{}; }));
  const auto peer = test::v4_peer(1);
  test::announce(*fake.store, {1, peer, proto::Event::none, true}, 1'000'000);
  const std::string text = get(admin, "/scrape?format=txt");
  CHECK(text.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  CHECK(text.find("\r\n\r\n2d\r\n") != std::string::npos);  // 45 bytes: HEX:1:0 and a line feed
  CHECK(text.ends_with(":1:0\n\r\n0\r\n\r\n"));
  CHECK(get(admin, "/scrape").find("d5:filesd20:") != std::string::npos);
  CHECK(ask(admin, "HEAD", "/scrape").ends_with("\r\n\r\n"));
  CHECK(get(admin, "/scrape?format=xml").rfind("HTTP/1.1 400 ", 0) == 0);
  CHECK(get(admin, "/scrape?info_hash=x").rfind("HTTP/1.1 400 ", 0) == 0);
  CHECK(ask(admin, "GET", "/scrape", kLoopback, "Accept-Encoding: gzip\r\n")
            .find("Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n") != std::string::npos);
}

TEST_CASE("admin: slow clients cannot hold many full scrapes at once") {
  FakeNode fake;
  node::Admin admin(fake.actions([] { return node::NodeState{}; }));
  std::vector<std::unique_ptr<node::StreamedAnswer>> slow;
  std::string out;
  for (size_t i = 0; i < node::DumpGate::kAtOnceMax; ++i) {
    slow.push_back(begin(admin, "GET", "/scrape", kLoopback, "", out));
    REQUIRE(slow.back());
  }
  CHECK(out.empty());
  const std::string refused = get(admin, "/scrape");
  CHECK(refused.rfind("HTTP/1.1 429 ", 0) == 0);
  CHECK(refused.find("too many full scrapes at once8:retry ini1ee") != std::string::npos);
  slow.pop_back();
  CHECK(get(admin, "/scrape").rfind("HTTP/1.1 200 ", 0) == 0);
}

TEST_CASE("admin: drain by POST, from loopback, not from a web page") {
  FakeNode fake;
  node::Admin admin(fake.actions([] { return node::NodeState{}; }));
  const auto refused = [&](const std::string& answer, const std::string& status) {
    CHECK(answer.rfind("HTTP/1.1 " + status, 0) == 0);
    CHECK(answer.find("\r\n\r\n{\"error\":\"") != std::string::npos);
    CHECK(!fake.drained);
  };
  refused(ask(admin, "GET", "/v1/drain"), "400 ");
  refused(ask(admin, "POST", "/readyz"), "404 ");
  refused(ask(admin, "POST", "/v1/drain", common::make_endpoint_v4(0x0a000001, 1)), "403 ");
  refused(ask(admin, "POST", "/v1/drain", common::Endpoint{common::Family::v6, {0x20, 0x01}, 1}), "403 ");
  refused(ask(admin, "POST", "/v1/drain", kLoopback, "Origin: http://evil.example\r\n"), "403 ");
  common::Endpoint loopback6{common::Family::v6, {}, 1};
  loopback6.address[15] = 1;
  CHECK(ask(admin, "POST", "/v1/drain", loopback6).find("\r\n\r\n{\"result\":\"draining\"}\n") !=
        std::string::npos);
  CHECK(fake.drained);
  CHECK(ask(admin, "POST", "/v1/drain").find("draining already") != std::string::npos);
}

TEST_CASE("admin: a page whose name leads to this machine gets nothing, and changes nothing") {
  const node::WorkerCounters worker;
  FakeNode node;
  node::Admin admin(node.actions([&] { return example(worker); }));
  for (const std::string method : {"GET", "POST"}) {
    for (const std::string path :
         {"/", "/healthz", "/readyz", "/metrics", "/status.json", "/v1/status", "/v1/drain", "/x"}) {
      CAPTURE(path);
      const std::string answer = ask(admin, method, path, kLoopback, "Host: evil.example:9697\r\n");
      CHECK(answer.starts_with("HTTP/1.1 421 Misdirected Request\r\n"));
      CHECK(answer.find("admin.hosts") != std::string::npos);
    }
  }
  CHECK(!node.drained);
  for (const std::string host : {"127.0.0.1", "[::1]:9697", "localhost:9697", "node-a:9697"}) {
    CHECK(ask(admin, "GET", "/healthz", kLoopback, "Host: " + host + "\r\n").starts_with("HTTP/1.1 200"));
  }
}

TEST_CASE("admin: with a token, POST needs it") {
  FakeNode fake;
  fake.token = "0123456789abcdef";
  node::Admin admin(fake.actions([] { return node::NodeState{}; }));
  const std::string refused = ask(admin, "POST", "/v1/drain");
  CHECK(refused.rfind("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\n", 0) == 0);
  CHECK(!fake.drained);
  const auto elsewhere = common::make_endpoint_v4(0x0a000001, 1);
  const std::string authorization = "Authorization: Bearer " + fake.token + "\r\n";
  CHECK(ask(admin, "POST", "/v1/drain", elsewhere, authorization).rfind("HTTP/1.1 200 ", 0) == 0);
  CHECK(fake.drained);
  CHECK(get(admin, "/readyz").rfind("HTTP/1.1 503 ", 0) == 0);  // reading needs none
}

TEST_CASE("admin: who is refused is counted by reason, and logged once a minute") {
  FakeNode fake;
  node::Admin admin(fake.actions([&fake] {
    node::NodeState state;
    state.admin_refused = fake.refusals.counts();
    return state;
  }));
  const auto elsewhere = common::make_endpoint_v4(0x0a000001, 1);
  ask(admin, "GET", "/", kLoopback, "Host: evil.example\r\n");
  ask(admin, "POST", "/v1/drain", elsewhere);
  ask(admin, "POST", "/v1/drain", kLoopback, "Origin: http://evil.example\r\n");
  ask(admin, "POST", "/v1/drain", kLoopback, "Via: 1.1 proxy\r\n");
  fake.token = "0123456789abcdef";
  for (int i = 0; i < 3; ++i)
    ask(admin, "POST", "/v1/drain", elsewhere, "Authorization: Bearer 0123456789abcdeX\r\n");
  ask(admin, "POST", "/v1/drain", elsewhere, "Authorization: Bearer 0123456789abcdef\r\n");
  CHECK(fake.refusals.counts() == node::AdminRefusals::Counts{1, 3, 1, 1, 1});
  CHECK(fake.lines == 5);
  CHECK(get(admin, "/metrics").find("shoal_admin_refused_total{reason=\"token\"} 3\n") != std::string::npos);
  CHECK(!fake.refusals.add(node::AdminRefused::token, node::AdminRefusals::kEveryMs - 1));
  CHECK(fake.refusals.add(node::AdminRefused::token, node::AdminRefusals::kEveryMs) == 4);
}

TEST_CASE("admin: a reload is answered when it is over") {
  FakeNode fake;
  node::Admin admin(fake.actions([] { return node::NodeState{}; }));
  const auto reload = [&](bool report_first, const node::ReloadReport& report) {
    std::string out;
    const auto answer = begin(admin, "POST", "/v1/reload", kLoopback, "", out);
    REQUIRE(answer);
    REQUIRE(out.empty());
    bool ready = false;
    if (report_first) fake.reload_done(report);
    answer->await([&] { ready = true; });
    CHECK(ready == report_first);
    if (!report_first) fake.reload_done(report);
    CHECK(ready);
    CHECK(!answer->next(out));
    return out;
  };
  const node::ReloadReport good{"", {{"tracker.interval_s"}, {"tracker.udp", "node.name"}}};
  for (const bool report_first : {false, true}) {
    const std::string done = reload(report_first, good);
    CHECK(done.starts_with("HTTP/1.1 200 "));
    const auto json = nlohmann::json::parse(done.substr(done.find("\r\n\r\n")));
    CHECK(json["applied"] == nlohmann::json{"tracker.interval_s"});
    CHECK(json["need_restart"] == nlohmann::json{"tracker.udp", "node.name"});
    const std::string failed = reload(report_first, {"a \"bad\" \xff file", {}});
    CHECK(failed.starts_with("HTTP/1.1 409 "));
    CHECK(failed.find("\r\n\r\n{\"error\":\"a \\\"bad\\\" ") != std::string::npos);
  }
  // A client that has gone is not called.
  std::string out;
  auto answer = begin(admin, "POST", "/v1/reload", kLoopback, "", out);
  answer->await([] { FAIL("nobody waits"); });
  answer.reset();
  fake.reload_done(good);
  CHECK(get(admin, "/v1/reload").starts_with("HTTP/1.1 400 "));
  fake.reload_done = nullptr;
  CHECK(ask(admin, "POST", "/v1/reload", kLoopback, "X-Forwarded-For: 127.0.0.1\r\n")
            .starts_with("HTTP/1.1 403 "));
  CHECK(!fake.reload_done);
}

TEST_CASE("admin: the API's documents") {
  node::WorkerCounters worker;
  FakeNode fake;
  node::Admin admin(fake.actions([&] { return example(worker); }));
  const auto document = [&](const std::string& path) {
    const std::string answer = get(admin, path);
    CAPTURE(answer);
    CHECK(answer.rfind("HTTP/1.1 200 ", 0) == 0);
    CHECK(answer.find("Content-Type: application/json\r\n") != std::string::npos);
    return nlohmann::json::parse(answer.substr(answer.find("\r\n\r\n")));
  };
  CHECK(document("/v1/status") == document("/status.json"));
  const auto members = document("/v1/members");
  CHECK(members["node"] == "a");
  CHECK(members["members"] == document("/v1/status")["members"]);
  CHECK(document("/v1/history")["unix_ms"].empty());
  CHECK(get(admin, "/v1/nowhere").rfind("HTTP/1.1 404 ", 0) == 0);
  CHECK(get(admin, "/v1").rfind("HTTP/1.1 404 ", 0) == 0);
  const auto operations = document("/v1/")["operations"];
  CHECK(operations.size() > 5);
  CHECK(operations[0]["method"] == "GET");
  CHECK(operations[0]["path"] == "/v1/");
  for (const auto& operation : operations) CHECK(!operation["summary"].get<std::string>().empty());
}

TEST_CASE("admin: looks up one swarm") {
  FakeNode fake;
  node::Admin admin(fake.actions([] { return node::NodeState{}; }));
  proto::Delta delta;
  delta.info_hash.bytes.fill(0xab);
  const common::Tick now = fake.clock.tick();
  for (uint16_t port = 1; port <= 30; ++port) {
    const auto role = port <= 10   ? proto::PeerRole::seeder
                      : port <= 25 ? proto::PeerRole::leecher
                                   : proto::PeerRole::stopped;
    delta.peer = common::make_endpoint_v4(0xc0000201, port);
    delta.state = {role, port <= 3};
    delta.stamp = common::stamp_of(now - 2);
    fake.store->merge({&delta, 1}, now);
  }
  delta.peer = *common::parse_endpoint("[2001:db8::1]:7000");
  delta.state = {};
  fake.store->merge({&delta, 1}, now);

  const std::string path = "/v1/swarms/" + common::to_hex(delta.info_hash);
  const auto look = [&](const std::string& query) {
    const std::string answer = get(admin, path + query);
    REQUIRE(answer.rfind("HTTP/1.1 200 ", 0) == 0);
    return nlohmann::json::parse(answer.substr(answer.find("\r\n\r\n")));
  };
  const auto all = look("?peers=200");
  CHECK(all["info_hash"] == common::to_hex(delta.info_hash));
  CHECK(all["seeders"] == 10);
  CHECK(all["leechers"] == 16);
  CHECK(all["completed"] == 3);
  CHECK(all["ipv4"]["stopped"] == 5);
  CHECK(all["ipv6"] == nlohmann::json{{"seeders", 0}, {"leechers", 1}, {"stopped", 0}});
  CHECK(all["peers"].size() == 26);  // never a stopped one
  size_t seeders = 0;
  for (const auto& peer : all["peers"]) {
    seeders += peer["state"] == "seeder" ? 1 : 0;
    CHECK(peer["age_s"].get<int>() >= 30);
    CHECK(peer["age_s"].get<int>() <= 45);
  }
  CHECK(seeders == 10);
  CHECK(all["peers"].back()["address"] == "[2001:db8::1]:7000");
  CHECK(look("")["peers"].size() == 21);
  CHECK(look("?peers=0")["peers"].empty());

  CHECK(get(admin, "/v1/swarms/" + std::string(40, '0')).rfind("HTTP/1.1 404 ", 0) == 0);
  for (const std::string& wrong : {path + "?peers=201", path + "?peers=-1", path + "?peers", path + "?x=1",
                                   path + "0", std::string("/v1/swarms/"), path.substr(0, path.size() - 1)}) {
    CAPTURE(wrong);
    CHECK(get(admin, wrong).rfind("HTTP/1.1 400 ", 0) == 0);
  }
}

TEST_CASE("admin: the page and its files") {
  node::WorkerCounters worker;
  FakeNode fake;
  node::Admin admin(fake.actions([&] { return example(worker); }));
  const std::string page = get(admin, "/");
  CHECK(page.find("Content-Type: text/html; charset=utf-8\r\n") != std::string::npos);
  CHECK(page.find("Content-Security-Policy: default-src 'none'; script-src 'self';") != std::string::npos);
  CHECK(get(admin, "/page.css").find("Content-Type: text/css; charset=utf-8\r\n") != std::string::npos);
  CHECK(get(admin, "/page.js").find("Content-Type: text/javascript; charset=utf-8\r\n") != std::string::npos);
  CHECK(get(admin, "/icon.svg").find("\r\n\r\n<svg ") != std::string::npos);
  // Templates are no pages.
  CHECK(get(admin, "/page.html").rfind("HTTP/1.1 404 ", 0) == 0);
  CHECK(get(admin, "/swarm.html").rfind("HTTP/1.1 404 ", 0) == 0);
}

TEST_CASE("admin: the page shows the minutes that are asked for") {
  FakeNode fake;
  node::Admin admin(fake.actions([] { return node::NodeState{}; }));
  for (int64_t ms : {0, 10'000}) fake.history.add(ms, ms, {});
  for (int64_t ms = 20'000; ms <= 1'200'000; ms += 10'000) fake.history.add(ms, ms, {});
  const auto shows = [&](const std::string& query, const std::string& range) {
    CAPTURE(query);
    CHECK(get(admin, "/" + query).find(">" + range + " ago<") != std::string::npos);
  };
  shows("", "1 h");
  shows("?minutes=5", "5 min");
  shows("?minutes=15", "15 min");
  shows("?minutes=60", "1 h");
  for (const char* odd :
       {"?minutes=0", "?minutes=7", "?minutes=-5", "?minutes=99999999999", "?x", "?minutes"}) {
    shows(odd, "1 h");
  }
}

TEST_CASE("admin: the page of a swarm") {
  FakeNode fake;
  node::Admin admin(fake.actions([] { return node::NodeState{}; }));
  proto::Delta delta;
  delta.info_hash.bytes.fill(0xab);
  const common::Tick now = fake.clock.tick();
  for (uint16_t port = 1; port <= 30; ++port) {
    delta.peer = common::make_endpoint_v4(0xc0000201, port);
    delta.state = {port <= 10 ? proto::PeerRole::seeder : proto::PeerRole::leecher, port <= 3};
    delta.stamp = common::stamp_of(now);
    fake.store->merge({&delta, 1}, now);
  }
  const std::string hex = common::to_hex(delta.info_hash);
  const std::string page = get(admin, "/swarm?info_hash=" + hex);
  CHECK(page.rfind("HTTP/1.1 200 ", 0) == 0);
  CHECK(page.find("Content-Security-Policy: default-src 'none';") != std::string::npos);
  CHECK(page.find("<b>10</b><span>seeders</span>") != std::string::npos);
  CHECK(page.find("<b>20</b><span>leechers</span>") != std::string::npos);
  CHECK(page.find("<b>3</b><span>completed</span>") != std::string::npos);
  CHECK(page.find("<td>192.0.2.1:") != std::string::npos);
  CHECK(page.find("href=\"/v1/swarms/" + hex) != std::string::npos);
  // Loading it again shows the same peers: it does not flicker.
  CHECK(page == get(admin, "/swarm?info_hash=" + hex));
  CHECK(get(admin, "/swarm?info_hash=" + std::string(40, '0')).find("No peer of it is known here.") !=
        std::string::npos);
  const std::string wrong = get(admin, "/swarm?info_hash=%3Cscript%3Ealert(1)%3C/script%3E");
  CHECK(wrong.find("This is no info_hash") != std::string::npos);
  CHECK(wrong.find("<script>alert") == std::string::npos);
  CHECK(get(admin, "/swarm").find("This is no info_hash") != std::string::npos);
}

TEST_CASE("admin: the largest swarms") {
  FakeNode fake;
  node::Admin admin(fake.actions([] { return node::NodeState{}; }));
  const auto document = [&](const std::string& path) {
    const std::string answer = get(admin, path);
    return nlohmann::json::parse(answer.substr(answer.find("\r\n\r\n")));
  };
  CHECK(document("/v1/top") == nlohmann::json{{"unix_ms", nullptr}, {"swarms", nlohmann::json::array()}});
  fake.top.unix_ms = 1'700'000'000'000;
  for (uint32_t i = 30; i > 0; --i) fake.top.by_peers.push_back({{}, {i, 2 * i, 3 * i}});
  CHECK(document("/v1/top")["swarms"].size() == 10);
  CHECK(document("/v1/top?n=100")["swarms"].size() == 30);
  const auto first = document("/v1/top?n=1")["swarms"][0];
  CHECK(first["seeders"] == 30);
  CHECK(first["leechers"] == 60);
  CHECK(first["completed"] == 90);
  CHECK(get(admin, "/v1/top?n=101").rfind("HTTP/1.1 400 ", 0) == 0);
}
