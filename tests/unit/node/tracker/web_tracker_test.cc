#include "node/tracker/web_tracker.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "node/limits/request_limiter.h"
#include "tests/unit/support/websocket_frames.h"

using namespace shoal;
using namespace shoal::node;

namespace {

const std::string kOpening =
    "GET / HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

TrackerSettings web_settings(RequestLimiter* limiter = nullptr) {
  Options options;
  options.tracker.websocket = true;
  options.tracker.numwant_max = 200;
  options.websocket.interval_s = 120;
  options.websocket.offers_per_announce = 4;
  options.websocket.swarms_per_connection = 2;
  return tracker_settings(options, nullptr, limiter);
}

class Gate final : public HttpGate {
 public:
  bool admits(const common::Endpoint& /*client*/) override { return open; }
  void malformed(const common::Endpoint& /*client*/) override { ++bad; }
  bool open = true;
  int bad = 0;
};

// One worker of a node.
struct Worker {
  Worker(SwarmStore& store, const ClusterClock& clock, WebHub& hub, uint16_t number)
      : tracker(web_settings(), store, nullptr, announces, number + 1),
        web(tracker, clock, gate, hub, number, counters) {
    hub.inbox(number).set_wake([] {});
  }
  AnnounceCounters announces;
  WebCounters counters;
  Gate gate;
  Tracker tracker;
  WebTracker web;
};

// A node of two workers.
struct Node {
  explicit Node(uint64_t run) : hub(run, 2) {
    for (uint16_t i = 0; i < 2; ++i) workers.push_back(std::make_unique<Worker>(store, clock, hub, i));
    hub.on_outgoing([] {});
  }
  void deliver() {
    for (const auto& worker : workers) {
      while (worker->web.deliver()) {
      }
    }
  }
  SwarmStore store{{.key = {}, .replicated = true}};
  ClusterClock clock{2700};
  WebHub hub;
  std::vector<std::unique_ptr<Worker>> workers;
};

// A connection and the client at its other end.
struct Client final : UpgradedLink {
  explicit Client(Worker& at, const std::string& opening = kOpening) : worker(at) {
    const proto::HttpRequest request =
        proto::parse_http_request(common::bytes_of(opening), {.lenient = true, .bare_lf = true});
    std::string out;
    Upgrade upgrade = worker.web.upgrade(request, common::make_endpoint_v4(0x01020304, 5), *this, true, out);
    REQUIRE(upgrade.upgraded);
    connection = std::move(upgrade.upgraded);
  }
  bool send(std::string_view bytes) override {
    if (!reads) return false;
    unasked.emplace_back(text_of(bytes));
    return true;
  }
  // The text of a frame of the server.
  static std::string text_of(std::string_view frame) {
    const auto length = static_cast<uint8_t>(frame[1]);
    return std::string(frame.substr(length < 126 ? 2 : length == 126 ? 4 : 10));
  }
  std::string say(const std::string& message) {
    std::string out;
    last = connection->received(common::bytes_of(test::client_text(message)), out);
    return out.empty() ? "" : text_of(out);
  }

  Worker& worker;
  std::unique_ptr<Upgraded> connection;
  std::vector<std::string> unasked;
  Upgraded::Took last;
  bool reads = true;
};

std::string twenty(char c) { return std::string(20, c); }

std::string announce_text(char hash, char peer, const std::string& more = "") {
  return R"({"action":"announce","info_hash":")" + twenty(hash) + R"(","peer_id":")" + twenty(peer) + "\"" +
         (more.empty() ? "" : "," + more) + "}";
}

std::string with_offers(const std::string& ids) {
  std::string list;
  for (const char id : ids) {
    list += std::string(list.empty() ? "" : ",") + R"({"offer":{"type":"offer","sdp":"sdp-)" + id +
            R"("},"offer_id":")" + twenty(id) + "\"}";
  }
  return "\"offers\":[" + list + "]";
}

std::string answer_text(char hash, char peer, char id) {
  return announce_text(hash, peer,
                       R"("offer_id":")" + twenty(id) + R"(","answer":{"type":"answer","sdp":"back"})");
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Changes of one node's store that the other hears of, and messages in both directions.
void exchange(Node& a, Node& b) {
  for (size_t shard = 0; shard < SwarmStore::kShards; ++shard) {
    std::vector<proto::Delta> deltas;
    a.store.for_each(shard, [&](const proto::Delta& delta) { deltas.push_back(delta); });
    b.store.merge(deltas, b.clock.tick());
  }
  for (const auto& [from, to] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    std::vector<OutgoingWebMessage> messages;
    from->hub.take_outgoing(messages);
    for (OutgoingWebMessage& message : messages) {
      CHECK(message.to_run == to->hub.run());
      to->hub.deliver(from->hub.run(), std::move(message.bytes));
    }
    to->deliver();
  }
}

}  // namespace

TEST_CASE("web tracker: an offer reaches a peer of another worker, and its answer comes back") {
  Node node(7);
  Client one(*node.workers[0]);
  Client two(*node.workers[1]);
  CHECK(has(one.say(announce_text('h', 'a')), R"("complete":0,"incomplete":1)"));
  CHECK(has(two.say(announce_text('h', 'b', R"("left":0,)" + with_offers("xy"))),
            R"("complete":1,"incomplete":1)"));
  node.deliver();
  REQUIRE(one.unasked.size() == 1);
  CHECK(has(one.unasked[0], R"("peer_id":"bbbbbbbbbbbbbbbbbbbb","offer_id":"xxxxxxxxxxxxxxxxxxxx",)"));
  CHECK(has(one.unasked[0], R"("offer":{"type":"offer","sdp":"sdp-x"})"));
  CHECK(two.unasked.empty());
  CHECK(one.say(answer_text('h', 'a', 'x')).empty());
  node.deliver();
  REQUIRE(two.unasked.size() == 1);
  CHECK(has(two.unasked[0], R"("answer":{"type":"answer","sdp":"back"})"));
  CHECK(has(two.unasked[0], R"("peer_id":"aaaaaaaaaaaaaaaaaaaa")"));
}

TEST_CASE("web tracker: the same between two nodes") {
  Node a(7);
  Node b(8);
  Client one(*a.workers[1]);
  Client two(*b.workers[0]);
  one.say(announce_text('h', 'a'));
  exchange(a, b);
  CHECK(has(two.say(announce_text('h', 'b', with_offers("x"))), R"("incomplete":2)"));
  exchange(a, b);
  REQUIRE(one.unasked.size() == 1);
  one.say(answer_text('h', 'a', 'x'));
  exchange(a, b);
  REQUIRE(two.unasked.size() == 1);
  CHECK(has(two.unasked[0], "back"));
}

TEST_CASE("web tracker: a closed connection leaves its swarms, and what is for it is lost") {
  Node node(7);
  Client one(*node.workers[0]);
  one.say(announce_text('h', 'a'));
  one.say(announce_text('i', 'a'));
  Client two(*node.workers[0]);
  two.say(announce_text('h', 'b', with_offers("x")));
  one.connection.reset();
  node.deliver();
  CHECK(node.workers[0]->counters.gone.value() == 1);
  CHECK(has(two.say(announce_text('h', 'b')), R"("incomplete":1)"));
  CHECK(has(two.say(announce_text('i', 'b')), R"("incomplete":1)"));
  CHECK(node.workers[0]->counters.opened.value() == 2);
  CHECK(node.workers[0]->counters.closed.value() == 1);
}

TEST_CASE("web tracker: only one who is in the swarm is told, and only one who was told can answer") {
  Node node(7);
  Client one(*node.workers[0]);
  Client two(*node.workers[0]);
  one.say(announce_text('h', 'a'));
  two.say(announce_text('h', 'b', with_offers("x")));
  one.say(announce_text('h', 'a', R"("event":"stopped")"));
  node.deliver();
  CHECK(one.unasked.empty());
  one.say(answer_text('h', 'a', 'x'));
  node.deliver();
  CHECK(two.unasked.empty());
  CHECK(node.workers[0]->counters.answers_unknown.value() == 1);
}

TEST_CASE("web tracker: limits of swarms and offers") {
  Node node(7);
  Client one(*node.workers[0]);
  one.say(announce_text('h', 'a'));
  one.say(announce_text('i', 'a'));
  CHECK(has(one.say(announce_text('j', 'a')), "too many torrents"));
  std::vector<std::unique_ptr<Client>> others;
  for (int i = 0; i < 6; ++i) {
    others.push_back(std::make_unique<Client>(*node.workers[0]));
    others.back()->say(announce_text('h', 'b'));
  }
  one.say(announce_text('h', 'a', with_offers("123456")));
  node.deliver();
  size_t heard = 0;
  for (const auto& other : others) heard += other->unasked.size();
  CHECK(heard == 4);
}

TEST_CASE("web tracker: a client that does not read loses what it is sent, and no one else does") {
  Node node(7);
  Client slow(*node.workers[0]);
  slow.say(announce_text('h', 'a'));
  slow.reads = false;
  Client other(*node.workers[0]);
  other.say(announce_text('h', 'b', with_offers("x")));
  node.deliver();
  CHECK(node.workers[0]->counters.unread.value() == 1);
  CHECK(node.workers[0]->counters.offers_delivered.value() == 0);
}

TEST_CASE("web tracker: an offer that its client has not taken has no answer, and pushes out no other") {
  Node node(7);
  Client one(*node.workers[0]);
  Client two(*node.workers[0]);
  one.say(announce_text('h', 'a'));
  two.say(announce_text('h', 'b', with_offers("x")));
  node.deliver();
  one.reads = false;
  for (int i = 0; i < 70; ++i) two.say(announce_text('h', 'b', with_offers("y")));
  node.deliver();
  one.reads = true;
  one.say(answer_text('h', 'a', 'y'));
  one.say(answer_text('h', 'a', 'x'));
  node.deliver();
  const WebCounters& counters = node.workers[0]->counters;
  CHECK(counters.answers_unknown.value() == 1);
  CHECK(counters.offers_pushed.value() == 0);
  REQUIRE(two.unasked.size() == 1);
  CHECK(has(two.unasked[0], R"("offer_id":"xxxxxxxxxxxxxxxxxxxx")"));
}

TEST_CASE(
    "web tracker: a banned client is closed, a bad message is told, a broken frame counts as malformed") {
  Node node(7);
  Worker& worker = *node.workers[0];
  Client client(worker);
  CHECK(has(client.say("{"), "failure reason"));
  CHECK(worker.gate.bad == 1);
  CHECK_FALSE(client.last.over);
  worker.gate.open = false;
  client.say(announce_text('h', 'a'));
  CHECK(client.last.over);
  CHECK(worker.counters.banned.value() == 1);
  worker.gate.open = true;
  Client other(worker);
  std::string out;
  CHECK(other.connection->received(common::bytes_of("\xff\xff"), out).over);
  CHECK(worker.gate.bad == 2);
  CHECK(worker.counters.violations.value() == 1);
}

TEST_CASE("web tracker: what a page has its visitor say is no offence of his, what breaks the frames is") {
  Node node(7);
  Worker& worker = *node.workers[0];
  Client client(worker, kOpening.substr(0, kOpening.size() - 2) + "Origin: https://example.org\r\n\r\n");
  CHECK(has(client.say("{"), "failure reason"));
  CHECK(worker.gate.bad == 0);
  std::string out;
  CHECK(client.connection->received(common::bytes_of("\xff\xff"), out).over);
  CHECK(worker.gate.bad == 1);
}

TEST_CASE("web tracker: what only a program can send is an offence, what a page can send is not") {
  Node node(7);
  Worker& worker = *node.workers[0];
  const std::string of_page = kOpening.substr(0, kOpening.size() - 2) + "Origin: https://example.org\r\n\r\n";
  const std::string binary = test::client_frame(proto::WebsocketOpcode::binary, "x");
  const std::string long_text = test::client_text(std::string(100'000, 'x'));
  int bad = 0;
  for (const std::string& bytes : {binary, long_text}) {
    for (const std::string& opening : {of_page, kOpening}) {
      Client client(worker, opening);
      std::string out;
      CHECK(client.connection->received(common::bytes_of(bytes), out).over);
      if (opening == kOpening) ++bad;
      CHECK(worker.gate.bad == bad);
    }
  }
  CHECK(worker.counters.violations.value() == 4);
}

TEST_CASE("web tracker: messages that cannot be read count for the rate, a page's as well") {
  Node node(7);
  Worker& worker = *node.workers[0];
  RequestLimiter limiter(common::SipKey{9});
  limiter.set(1, 0);
  worker.tracker.set_settings(std::make_shared<const TrackerSettings>(web_settings(&limiter)));
  Client client(worker, kOpening.substr(0, kOpening.size() - 2) + "Origin: https://example.org\r\n\r\n");
  for (int i = 0; i < 10; ++i) CHECK(has(client.say("{"), "failure reason"));
  bool refused = false;
  for (int i = 0; i < 10; ++i) refused = refused || has(client.say("{"), "too many requests");
  CHECK(refused);
}

TEST_CASE("web tracker: the last byte of a long message pays for reading all of it") {
  Node node(7);
  Client client(*node.workers[0]);
  std::string numbers = R"({"x":[1)";
  while (numbers.size() < 90'000) numbers += ",1";
  const std::string bytes = test::client_text(numbers + "]}");
  std::string out;
  const auto all = common::bytes_of(bytes);
  client.connection->received(all.first(all.size() - 1), out);
  CHECK(client.connection->received(all.last(1), out).steps > 90'000 / 512);
}

TEST_CASE("web tracker: what another node sends is looked at closely") {
  Node node(7);
  Client client(*node.workers[0]);
  client.say(announce_text('h', 'a'));
  std::vector<uint8_t> bytes(60);
  common::ByteWriter(bytes).u64(common::web_connection(0, 1));
  node.hub.deliver(8, bytes);
  node.deliver();
  CHECK(node.workers[0]->counters.malformed.value() == 1);
  CHECK(client.unasked.empty());
}

TEST_CASE("web tracker: a flood of messages is passed on in parts") {
  Node node(7);
  Client one(*node.workers[0]);
  one.say(announce_text('h', 'a'));
  Client two(*node.workers[1]);
  for (int i = 0; i < 100; ++i) two.say(announce_text('h', 'b', with_offers("x")));
  CHECK(node.workers[0]->web.deliver());
  CHECK(one.unasked.size() == 64);
  CHECK_FALSE(node.workers[0]->web.deliver());
  CHECK(one.unasked.size() == 100);
  CHECK(node.workers[0]->counters.offers_pushed.value() == 100 - 64);
}

TEST_CASE("web tracker: what comes while a flood is passed on is passed on, too") {
  Node node(7);
  // As a worker has it: it is woken once for all that woke it before its turn.
  bool woken = false;
  node.hub.inbox(0).set_wake([&] { woken = true; });
  const auto turn = [&] {
    if (std::exchange(woken, false)) woken = node.workers[0]->web.deliver() || woken;
  };
  Client one(*node.workers[0]);
  one.say(announce_text('h', 'a'));
  Client two(*node.workers[1]);
  for (int i = 0; i < 65; ++i) two.say(announce_text('h', 'b', with_offers("x")));
  turn();
  two.say(announce_text('h', 'b', with_offers("y")));
  for (int i = 0; i < 3; ++i) turn();
  CHECK(one.unasked.size() == 66);
  // And who comes later wakes it again.
  two.say(announce_text('h', 'b', with_offers("z")));
  turn();
  CHECK(one.unasked.size() == 67);
}
