#include "node/admin.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "node/metrics.h"
#include "node/status_json.h"
#include "store_fixture.h"

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

std::unique_ptr<node::LongAnswer> begin(node::Admin& admin, const std::string& method,
                                        const std::string& path, const common::Endpoint& client,
                                        const std::string& headers, std::string& out) {
  const std::string text = method + " " + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n";
  const auto* data = reinterpret_cast<const uint8_t*>(text.data());
  const proto::HttpRequest request = proto::parse_http_request(common::ByteSpan(data, text.size()), true);
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

// An endpoint without a node behind it.
struct FakeNode {
  std::unique_ptr<node::SwarmStore> store = test::make_store(false);
  node::ClusterClock clock{2700};
  node::FullScrapes full_scrapes{*store, clock, 0};
};

std::string get(node::Admin& admin, const std::string& path) { return ask(admin, "GET", path); }

}  // namespace

TEST_CASE("status.json: is JSON whatever the names, and sums the workers") {
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

TEST_CASE("admin: paths and statuses") {
  node::WorkerCounters worker;
  node::NodeState state = example(worker);
  FakeNode fake;
  node::Admin admin({[&] { return state; }, [] { return true; }}, fake.full_scrapes);
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
  node::Admin admin({[] { return node::NodeState{}; }, [] { return true; }}, fake.full_scrapes);
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

TEST_CASE("admin: full scrapes that clients are slow to take are few at once") {
  FakeNode fake;
  node::Admin admin({[] { return node::NodeState{}; }, [] { return true; }}, fake.full_scrapes);
  std::vector<std::unique_ptr<node::LongAnswer>> slow;
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
  int drains = 0;
  FakeNode fake;
  node::Admin admin({[] { return node::NodeState{}; }, [&] { return drains++ == 0; }}, fake.full_scrapes);
  const auto refused = [&](const std::string& answer, const std::string& status) {
    CHECK(answer.rfind("HTTP/1.1 " + status, 0) == 0);
    CHECK(drains == 0);
  };
  refused(ask(admin, "GET", "/v1/drain"), "400 ");
  refused(ask(admin, "POST", "/readyz"), "404 ");
  refused(ask(admin, "POST", "/v1/drain", common::make_endpoint_v4(0x0a000001, 1)), "403 ");
  refused(ask(admin, "POST", "/v1/drain", common::Endpoint{common::Family::v6, {0x20, 0x01}, 1}), "403 ");
  refused(ask(admin, "POST", "/v1/drain", kLoopback, "Origin: http://evil.example\r\n"), "403 ");
  common::Endpoint loopback6{common::Family::v6, {}, 1};
  loopback6.address[15] = 1;
  CHECK(ask(admin, "POST", "/v1/drain", loopback6).find("\r\n\r\ndraining\n") != std::string::npos);
  CHECK(ask(admin, "POST", "/v1/drain").find("draining already") != std::string::npos);
  CHECK(drains == 2);
}
