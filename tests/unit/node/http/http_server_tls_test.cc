// The HTTP server with TLS below: what the plain server's tests cannot show.

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "node/http/http_server.h"
#include "node/net/sockets.h"
#include "node/tls/tls_client.h"
#include "proto/http_answer.h"
#include "tests/unit/support/test_certificates.h"

using namespace shoal;
using namespace shoal::node;
using State = TlsSession::State;

namespace {

constexpr int kTurnsMax = 20000;

// `pieces` of 40 kB.
class Long final : public StreamedAnswer {
 public:
  explicit Long(int pieces) : left_(pieces) {}
  bool next(std::string& out) override {
    if (!begun_) out += "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    begun_ = true;
    out.append(40'000, 'x');
    return --left_ > 0;
  }

 private:
  int left_;
  bool begun_ = false;
};

class Answers final : public HttpHandler {
 public:
  std::unique_ptr<StreamedAnswer> answer(const proto::HttpRequest& request,
                                         const common::Endpoint& /*client*/, std::string& out) override {
    if (request.path == "/long") return std::make_unique<Long>(10);
    proto::append_text(out, proto::reply_to(request), 200, "hello");
    return nullptr;
  }
};

// A client that believes anything, on a socket that does not block.
class SecureClient {
 public:
  explicit SecureClient(const common::Endpoint& server) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    const SslContextPtr context(SSL_CTX_new(TLS_client_method()));
    session_ = std::make_unique<TlsSession>(SslPtr(SSL_new(context.get())));
  }
  ~SecureClient() { close(fd_); }
  SecureClient(const SecureClient&) = delete;
  SecureClient& operator=(const SecureClient&) = delete;

  // The first flight, or a part of it.
  void hello(size_t bytes_max = 1 << 20) {
    std::string out;
    session_->receive({}, text, out);
    put(out.substr(0, bytes_max));
    held = out.substr(std::min(bytes_max, out.size()));
  }
  std::string seal(const std::string& plain) {
    std::string out;
    REQUIRE(session_->send(common::bytes_of(plain), out));
    return out;
  }
  void send(const std::string& plain) { put(seal(plain)); }
  void put_held() { put(std::exchange(held, {})); }
  std::string update_of_keys() {
    REQUIRE(SSL_key_update(session_->native(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
    std::string out;
    session_->receive({}, text, out);
    return out;
  }
  void say_goodbye() {
    std::string out;
    session_->close(out);
    put(out);
  }
  void put(const std::string& bytes) const {
    REQUIRE(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  // Takes what has come, and answers it.
  void step() {
    std::array<uint8_t, 16384> buffer;
    ssize_t size = 0;
    while ((size = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
      received += static_cast<size_t>(size);
      std::string out;
      session_->receive(common::ByteSpan(buffer).first(static_cast<size_t>(size)), text, out);
      held += out;
      if (!holds_back && !out.empty()) put_held();
    }
    closed = closed || size == 0;
  }
  State state() const { return session_->state(); }
  // Of the server's certificate: its common name.
  std::string subject() const {
    std::array<char, 100> name{};
    const CertificatePtr shown(SSL_get1_peer_certificate(session_->native()));
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown.get()), NID_commonName, name.data(), name.size());
    return name.data();
  }
  // Sends requests as long as fewer than these are without an answer.
  void keep_asking(size_t requests);

  std::string text;
  std::string held;         // to be sent
  bool holds_back = false;  // answers of the handshake stay in `held`
  size_t unanswered = 0;    // of keep_asking()
  size_t received = 0;
  bool closed = false;  // by the server, with or without close_notify

 private:
  int fd_;
  std::unique_ptr<TlsSession> session_;
};

using SecureClients = std::vector<std::unique_ptr<SecureClient>>;

class CountingGate final : public HttpGate {
 public:
  bool admits(const common::Endpoint& /*client*/) override { return admitting; }
  void malformed(const common::Endpoint& client) override { blamed.push_back(common::to_string(client)); }

  bool admitting = true;
  std::vector<std::string> blamed;
};

struct SecureFixture {
  uv_loop_t loop{};
  Answers handler;
  HttpCounters counters;
  std::unique_ptr<HttpServer> server;
  common::Endpoint address;

  explicit SecureFixture(const HttpLimits& limits = {}) {
    REQUIRE(uv_loop_init(&loop) == 0);
    server = std::make_unique<HttpServer>(&loop, limits, handler, counters);
    std::vector<TlsCertificate> pairs;
    pairs.push_back(test::make_pair({}));
    server->set_tls({*TlsContext::make(std::move(pairs), TlsVersion::v1_2), TicketSource({}).keys(1)});
    auto socket = open_tcp(common::make_endpoint_v4(0x7f000001, 0), PortUse::alone);
    REQUIRE(socket);
    address = local_endpoint(socket->get());
    server->listen(std::move(*socket), true);
  }
  ~SecureFixture() {
    server->stop();
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
  }

  void turn() { uv_run(&loop, UV_RUN_NOWAIT); }
  bool until(const std::function<bool()>& done) {
    for (int i = 0; i < kTurnsMax && !done(); ++i) {
      turn();
      if (!done()) usleep(500);
    }
    return done();
  }
  bool open(SecureClient& client) {
    client.hello();
    return until([&] {
      client.step();
      return client.state() == State::open;
    });
  }
  bool gets(SecureClient& client, const std::string& wanted) {
    return until([&] {
      client.step();
      return client.text.find(wanted) != std::string::npos;
    });
  }
  uint64_t failed(TlsFailure reason) const {
    return counters.tls.failed[static_cast<size_t>(reason)].value();
  }
  uint64_t accepted() const { return counters.connections_accepted.value(); }
};

const std::string kRequest = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
// The header of a record of 16 KiB.
const std::string kRecordBegin("\x17\x03\x03\x40\x00", 5);

std::string repeated(const std::string& what, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += what;
  return all;
}

void SecureClient::keep_asking(size_t requests) {
  step();
  constexpr std::string_view kAnswer = "hello";
  for (size_t at = text.find(kAnswer); at != std::string::npos; at = text.find(kAnswer, at + 1)) --unanswered;
  text.clear();
  if (unanswered >= requests) return;
  send(repeated(kRequest, requests - unanswered));
  unanswered = requests;
}

}  // namespace

TEST_CASE("https server: requests on one connection, pipelined, in pieces") {
  SecureFixture fixture;
  SecureClient client(fixture.address);
  REQUIRE(fixture.open(client));
  client.send(kRequest);
  REQUIRE(fixture.gets(client, "hello"));
  client.text.clear();
  client.send(kRequest.substr(0, 5));
  fixture.turn();
  client.send(kRequest.substr(5) + kRequest);
  REQUIRE(fixture.gets(client, "hello"));
  REQUIRE(fixture.until([&] {
    client.step();
    return client.text.rfind("hello") != client.text.find("hello");
  }));
  CHECK(fixture.counters.tls.full.value() == 1);
}

TEST_CASE("https server: without keep-alive the first answer is the last") {
  SecureFixture fixture;
  fixture.server->keep_alive(false);
  SecureClient client(fixture.address);
  REQUIRE(fixture.open(client));
  client.send(kRequest + kRequest);
  REQUIRE(fixture.until([&] {
    client.step();
    return client.state() == State::closed;
  }));
  CHECK(client.text.find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK(client.text.rfind("hello") == client.text.find("hello"));
}

TEST_CASE("https server: without keep-alive who is in the middle of a record is not cut off") {
  SecureFixture fixture;
  fixture.server->keep_alive(false);
  SecureClient client(fixture.address);
  REQUIRE(fixture.open(client));
  client.send(kRequest);
  client.put(kRecordBegin);
  REQUIRE(fixture.until([&] {
    client.step();
    return client.state() == State::closed;
  }));
  for (int i = 0; i < 10; ++i) fixture.turn();
  CHECK(fixture.counters.connections_closed.value() == 0);
}

TEST_CASE("https server: an answer in pieces, and the close_notify at its end") {
  SecureFixture fixture;
  SecureClient client(fixture.address);
  REQUIRE(fixture.open(client));
  client.send("GET /long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  REQUIRE(fixture.until([&] {
    client.step();
    return client.state() == State::closed;
  }));
  CHECK(client.text.size() > 400'000);
}

TEST_CASE("https server: who says goodbye after a request gets the answer") {
  SecureFixture fixture;
  SecureClient client(fixture.address);
  REQUIRE(fixture.open(client));
  client.send(kRequest);
  client.say_goodbye();
  CHECK(fixture.gets(client, "hello"));
  CHECK(fixture.until([&] {
    client.step();
    return client.closed;
  }));
}

TEST_CASE("https server: one full handshake in a turn, in the order of asking") {
  SecureFixture fixture;
  SecureClients clients;
  for (int i = 0; i < 8; ++i) clients.push_back(std::make_unique<SecureClient>(fixture.address));
  REQUIRE(fixture.until([&] { return fixture.accepted() == clients.size(); }));
  for (const auto& client : clients) client->hello();
  const auto answered = [&] {
    size_t count = 0;
    for (const auto& client : clients) {
      client->step();
      count += client->received > 0 ? 1 : 0;
    }
    return count;
  };
  size_t before = 0;
  for (int i = 0; i < kTurnsMax && before < clients.size(); ++i) {
    fixture.turn();
    const size_t now = answered();
    CHECK(now - before <= 1);
    before = now;
  }
  CHECK(before == clients.size());
  CHECK(fixture.counters.tls.postponed.value() > 0);
  REQUIRE(fixture.until([&] {
    answered();
    return fixture.counters.tls.full.value() == clients.size();
  }));
}

TEST_CASE("https server: handshakes go on beside clients that pipeline without end") {
  // Where the clients use up their own turns only, and where they use up all of the loop's.
  for (const TurnWork turn : {TurnWork{512, 256 << 10}, TurnWork{8, 16 << 10}}) {
    SecureFixture fixture({.connection_turn = {.steps = 8, .bytes = 16 << 10}, .turn = turn});
    SecureClients busy;
    for (int i = 0; i < 4; ++i) {
      busy.push_back(std::make_unique<SecureClient>(fixture.address));
      REQUIRE(fixture.open(*busy.back()));
    }
    SecureClients fresh;
    for (int i = 0; i < 3; ++i) fresh.push_back(std::make_unique<SecureClient>(fixture.address));
    const size_t all = busy.size() + fresh.size();
    REQUIRE(fixture.until([&] { return fixture.accepted() == all; }));
    const auto keep_busy = [&] {
      for (const auto& client : busy) client->keep_asking(100);
      fixture.turn();
    };
    for (int i = 0; i < 5; ++i) keep_busy();
    for (const auto& client : fresh) client->hello();
    const auto open = [&] { return fixture.counters.tls.full.value() == all; };
    for (int turns = 0; turns < 30 && !open(); ++turns) {
      keep_busy();
      for (const auto& client : fresh) client->step();
    }
    CHECK(open());
  }
}

TEST_CASE(
    "https server: a handshake that waited, with many requests behind it, does not let the loop sleep") {
  SecureFixture fixture({.handshake_turn_units = 1});
  SecureClient client(fixture.address);
  client.holds_back = true;
  REQUIRE(fixture.open(client));
  client.held += client.seal(repeated(kRequest, 100));
  SecureClient other(fixture.address);
  REQUIRE(fixture.until([&] { return fixture.accepted() == 2; }));
  fixture.turn();  // from now on the loop knows of the new connection
  // The other's hello is there first: it takes what may be done of handshakes in this turn.
  other.hello();
  client.put_held();
  fixture.turn();
  REQUIRE(fixture.counters.tls.postponed.value() == 1);
  REQUIRE(fixture.counters.tls.full.value() == 0);
  fixture.turn();
  REQUIRE(fixture.counters.tls.full.value() == 1);
  REQUIRE(fixture.counters.postponed.value() > 0);
  CHECK(uv_backend_timeout(&fixture.loop) == 0);
  client.unanswered = 100;
  CHECK(fixture.until([&] {
    client.keep_asking(0);
    return client.unanswered == 0;
  }));
}

TEST_CASE("https server: the beginning of a record is waited for like the rest of a request") {
  SecureFixture fixture({.request_ms = 500});
  SecureClients clients;
  for (size_t i = 0; i <= kRecordBegin.size(); ++i) {
    clients.push_back(std::make_unique<SecureClient>(fixture.address));
    REQUIRE(fixture.open(*clients.back()));
    clients.back()->put(kRecordBegin.substr(0, i));
  }
  REQUIRE(fixture.until([&] { return fixture.counters.closed_timeout.value() == kRecordBegin.size(); }));
  // Who has sent nothing is only idle.
  clients[0]->send(kRequest);
  CHECK(fixture.gets(*clients[0], "hello"));
}

TEST_CASE("https server: a record that says nothing leaves a connection idle") {
  SecureFixture fixture({.request_ms = 500});
  SecureClient client(fixture.address);
  REQUIRE(fixture.open(client));
  const std::string update = client.update_of_keys();
  client.put(update.substr(0, 5));
  for (int i = 0; i < 5; ++i) fixture.turn();
  client.put(update.substr(5));
  SecureClient slow(fixture.address);
  REQUIRE(fixture.open(slow));
  slow.put(kRecordBegin);
  REQUIRE(fixture.until([&] { return fixture.counters.closed_timeout.value() == 1; }));
  client.send(kRequest);
  CHECK(fixture.gets(client, "hello"));
}

TEST_CASE("https server: the beginnings of records are counted as memory") {
  SecureFixture fixture({.waiting_bytes_max = 5 * kTlsRecordBytes / 2});
  SecureClients clients;
  for (size_t i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<SecureClient>(fixture.address));
    REQUIRE(fixture.open(*clients.back()));
  }
  const std::string request = clients[1]->seal(kRequest);
  for (const auto& client : clients) {
    client->put(client == clients[1] ? request.substr(0, 5) : kRecordBegin);
    for (int i = 0; i < 5; ++i) fixture.turn();
  }
  REQUIRE(fixture.until([&] {
    clients[0]->step();
    return clients[0]->closed;
  }));
  CHECK(fixture.counters.closed_for_memory.value() == 1);
  clients[1]->put(request.substr(5));
  CHECK(fixture.gets(*clients[1], "hello"));
}

TEST_CASE("https server: handshakes that make room, for connections and for memory") {
  SecureFixture fixture({.connections_max = 2, .waiting_bytes_max = 12 << 10});
  SecureClient first(fixture.address);
  SecureClient second(fixture.address);
  REQUIRE(fixture.until([&] { return fixture.accepted() == 2; }));
  SecureClient third(fixture.address);
  REQUIRE(fixture.until([&] { return fixture.failed(TlsFailure::room) == 1; }));
  CHECK(fixture.counters.closed_for_room.value() == 1);
  const std::string hello = std::string("\x16\x03\x01\x1f\x00\x01\x00\x1e\xf0", 9) + std::string(6000, 'x');
  second.put(hello);
  third.put(hello);
  REQUIRE(fixture.until([&] { return fixture.failed(TlsFailure::room) == 2; }));
  CHECK(fixture.counters.closed_for_memory.value() == 1);
  CHECK(fixture.failed(TlsFailure::cut) == 0);
}

TEST_CASE("https server: handshakes under way are limited, and the oldest goes") {
  SecureFixture fixture({.handshakes_max = 3});
  SecureClients clients;
  for (uint64_t i = 1; i <= 5; ++i) {
    clients.push_back(std::make_unique<SecureClient>(fixture.address));
    clients.back()->hello(i);
    REQUIRE(fixture.until([&] { return fixture.accepted() == i; }));
  }
  CHECK(fixture.failed(TlsFailure::room) == 2);
  for (size_t i = 0; i < clients.size(); ++i) {
    CHECK(fixture.until([&] {
      clients[i]->step();
      return clients[i]->closed || i >= 2;
    }));
    CHECK(clients[i]->closed == (i < 2));
  }
  // An open connection is none of them.
  SecureClient open(fixture.address);
  REQUIRE(fixture.open(open));
  SecureClient another(fixture.address);
  REQUIRE(fixture.open(another));
  open.send(kRequest);
  CHECK(fixture.gets(open, "hello"));
}

TEST_CASE("https server: handshakes of one address are limited, and leave when they are over") {
  AddressConnections handshakes;
  handshakes.set_max(2);
  SecureFixture fixture({.handshakes_per_address = &handshakes});
  SecureClient first(fixture.address);
  SecureClient second(fixture.address);
  REQUIRE(fixture.until([&] { return fixture.accepted() == 2; }));
  SecureClient third(fixture.address);
  REQUIRE(fixture.until([&] {
    third.step();
    return third.closed;
  }));
  CHECK(fixture.failed(TlsFailure::address) == 1);
  REQUIRE(fixture.open(first));
  SecureClient fourth(fixture.address);
  CHECK(fixture.open(fourth));
}

TEST_CASE("https server: a handshake that takes too long ends") {
  SecureFixture fixture({.handshake_ms = 20});
  SecureClient silent(fixture.address);
  SecureClient slow(fixture.address);
  slow.hello(50);
  REQUIRE(fixture.until([&] {
    silent.step();
    slow.step();
    return silent.closed && slow.closed;
  }));
  CHECK(fixture.failed(TlsFailure::time) == 2);
  CHECK(fixture.counters.closed_timeout.value() == 0);
}

TEST_CASE("https server: what is no TLS, and who goes in between") {
  SecureFixture fixture;
  {
    SecureClient plain(fixture.address);
    plain.put(kRequest);
    REQUIRE(fixture.until([&] {
      plain.step();
      return plain.closed;
    }));
    CHECK(plain.received == 0);
    CHECK(fixture.failed(TlsFailure::not_tls) == 1);
    SecureClient cut(fixture.address);
    cut.hello(100);
    REQUIRE(fixture.until([&] { return fixture.accepted() == 2; }));
  }
  REQUIRE(fixture.until([&] { return fixture.failed(TlsFailure::cut) == 1; }));
}

TEST_CASE("https server: the header of a trusted proxy comes before the handshake") {
  SecureFixture fixture;
  const std::vector<common::Network> loopback = {*common::parse_network("127.0.0.0/8")};
  const auto proxies = std::make_shared<const common::NetworkSet>(loopback);
  fixture.server->expect_proxies(proxies, true);
  SecureClient client(fixture.address);
  client.put("PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n");
  REQUIRE(fixture.open(client));
  client.send(kRequest);
  CHECK(fixture.gets(client, "hello"));
  SecureClient without(fixture.address);
  without.hello();
  REQUIRE(fixture.until([&] {
    without.step();
    return without.closed;
  }));
  CHECK(fixture.failed(TlsFailure::not_tls) == 1);
}

TEST_CASE("https server: who is refused by the address in a proxy's header has not gone by himself") {
  CountingGate gate;
  AddressConnections connections;
  connections.set_max(1);
  SecureFixture fixture({.per_address = &connections});
  const std::vector<common::Network> loopback = {*common::parse_network("127.0.0.0/8")};
  fixture.server->expect_proxies(std::make_shared<const common::NetworkSet>(loopback), true);
  fixture.server->set_gate(&gate);
  const std::string header = "PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n";
  SecureClient first(fixture.address);
  first.put(header);
  REQUIRE(fixture.open(first));
  SecureClient second(fixture.address);
  second.put(header);
  REQUIRE(fixture.until([&] { return fixture.failed(TlsFailure::address) == 1; }));
  gate.admitting = false;
  SecureClient third(fixture.address);
  third.put(header);
  REQUIRE(fixture.until([&] { return fixture.failed(TlsFailure::address) == 2; }));
  CHECK(fixture.failed(TlsFailure::cut) == 0);
  CHECK(gate.blamed.empty());
}

TEST_CASE("https server: the gate is told of handshakes that no client begins by itself") {
  CountingGate gate;
  AddressConnections handshakes;
  handshakes.set_max(2);
  SecureFixture fixture({.handshakes_per_address = &handshakes});
  fixture.server->set_gate(&gate);
  const auto puts = [&](const std::string& bytes, TlsFailure failure) {
    SecureClient client(fixture.address);
    const uint64_t before = fixture.failed(failure);
    client.put(bytes);
    REQUIRE(fixture.until([&] { return fixture.failed(failure) > before; }));
  };
  puts(kRequest, TlsFailure::not_tls);
  CHECK(gate.blamed.size() == 1);
  // A web page may have sent this one.
  puts("GET / HTTP/1.1\r\nHost: t\r\nAccept-Language: en\r\n\r\n", TlsFailure::not_tls);
  CHECK(gate.blamed.size() == 1);
  puts({"\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9}, TlsFailure::malformed);  // an empty ClientHello
  CHECK(gate.blamed.size() == 2);
  {
    SecureClient leaves(fixture.address);
    leaves.hello(100);
    for (int i = 0; i < 5; ++i) fixture.turn();
  }
  REQUIRE(fixture.until([&] { return fixture.failed(TlsFailure::cut) == 1; }));
  CHECK(gate.blamed.size() == 2);
  SecureClients clients;
  for (int i = 0; i < 3; ++i) clients.push_back(std::make_unique<SecureClient>(fixture.address));
  REQUIRE(fixture.until([&] { return fixture.failed(TlsFailure::address) == 1; }));
  REQUIRE(gate.blamed.size() == 3);
  CHECK(gate.blamed[0].starts_with("127.0.0.1:"));
  // A proxy is not blamed for its clients.
  const std::vector<common::Network> loopback = {*common::parse_network("127.0.0.0/8")};
  fixture.server->expect_proxies(std::make_shared<const common::NetworkSet>(loopback), false);
  puts(kRequest, TlsFailure::not_tls);
  CHECK(gate.blamed.size() == 3);
}

TEST_CASE("https server: new certificates are for new connections, and the old go on") {
  SecureFixture fixture;
  SecureClient old(fixture.address);
  REQUIRE(fixture.open(old));
  // One whose hello is there in part, and one in the middle of its handshake.
  SecureClient part(fixture.address);
  part.hello(60);
  SecureClient between(fixture.address);
  between.holds_back = true;
  REQUIRE(fixture.open(between));
  REQUIRE(fixture.until([&] { return fixture.counters.tls.full.value() == 1; }));
  std::vector<TlsCertificate> pairs;
  pairs.push_back(test::make_pair({.subject = "renewed"}));
  fixture.server->set_tls({*TlsContext::make(std::move(pairs), TlsVersion::v1_2), TicketSource({}).keys(1)});
  SecureClient fresh(fixture.address);
  REQUIRE(fixture.open(fresh));
  part.put_held();
  between.put_held();
  for (SecureClient* client : {&old, &part, &between, &fresh}) {
    REQUIRE(fixture.until([&] {
      client->step();
      return client->state() == State::open;
    }));
    client->send(kRequest);
    CHECK(fixture.gets(*client, "hello"));
  }
  CHECK(old.subject() == "tracker.example");
  CHECK(between.subject() == "tracker.example");
  CHECK(part.subject() == "renewed");
  CHECK(fresh.subject() == "renewed");
}

TEST_CASE("https server: what new connections use no more goes with the last handshake") {
  SecureFixture fixture;
  std::weak_ptr<const TlsContext> context;
  std::weak_ptr<const TicketKeys> tickets;
  const auto set = [&] {
    std::vector<TlsCertificate> pairs;
    pairs.push_back(test::make_pair({}));
    const TlsLayer layer{*TlsContext::make(std::move(pairs), TlsVersion::v1_2), TicketSource({}).keys(1)};
    context = layer.context;
    tickets = layer.tickets;
    fixture.server->set_tls(layer);
  };
  set();
  SecureClient open(fixture.address);
  REQUIRE(fixture.open(open));
  REQUIRE(fixture.until([&] { return fixture.counters.tls.full.value() == 1; }));
  const auto old_context = context;
  const auto old_tickets = tickets;
  CHECK_FALSE(old_tickets.expired());
  set();
  CHECK(old_context.expired());
  CHECK(old_tickets.expired());
}
