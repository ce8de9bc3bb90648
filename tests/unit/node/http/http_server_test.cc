#include "node/http/http_server.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "node/net/sockets.h"
#include "proto/http_answer.h"

using namespace shoal;
using namespace shoal::node;
using namespace std::string_literals;

namespace {

constexpr uint64_t kLongMs = 5000;

// Pieces without end.
class Endless final : public StreamedAnswer {
 public:
  bool next(std::string& out) override {
    out.append(64 << 10, 'x');
    return true;
  }
};

class Ok final : public HttpHandler {
 public:
  std::unique_ptr<StreamedAnswer> answer(const proto::HttpRequest& request,
                                         const common::Endpoint& /*client*/, std::string& out) override {
    ++answers;
    if (request.path == "/endless") return std::make_unique<Endless>();
    proto::append_text(out, proto::reply_to(request), 200, text);
    return nullptr;
  }

  std::string text = "ok";
  size_t answers = 0;
};

class Client {
 public:
  explicit Client(const common::Endpoint& server) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(const std::string& text) const {
    REQUIRE(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  // Sends as much as the kernel takes at once.
  void offer(const std::string& text) {
    // The kernel says once that the connection is reset.
    if (::send(fd_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == ECONNRESET)
      reset_ = true;
  }
  // What has arrived.
  std::string read() {
    std::string out;
    std::array<char, 65536> buffer;
    ssize_t size = 0;
    while ((size = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
      out.append(buffer.data(), static_cast<size_t>(size));
    }
    reset_ = reset_ || (size < 0 && errno == ECONNRESET);
    return out;
  }
  // True if the other side has reset the connection, not just closed it.
  bool is_reset() {
    read();
    return reset_;
  }
  // True once an answer has arrived.
  bool is_answered() const { return peek() > 0; }
  bool is_closed() const {
    const ssize_t size = peek();
    return size == 0 || (size < 0 && errno != EAGAIN);
  }

 private:
  ssize_t peek() const {
    char byte = 0;
    return recv(fd_, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
  }

  int fd_;
  bool reset_ = false;
};

using Clients = std::vector<std::unique_ptr<Client>>;

struct Fixture {
  uv_loop_t loop{};
  Ok handler;
  HttpCounters counters;
  std::unique_ptr<HttpServer> server;
  common::Endpoint address;

  explicit Fixture(size_t connections_max) : Fixture(HttpLimits{.connections_max = connections_max}) {}

  explicit Fixture(const HttpLimits& limits) {
    REQUIRE(uv_loop_init(&loop) == 0);
    server = std::make_unique<HttpServer>(&loop, limits, handler, counters);
    auto socket = open_tcp(common::make_endpoint_v4(0x7f000001, 0), PortUse::alone);
    REQUIRE(socket);
    address = local_endpoint(socket->get());
    server->listen(std::move(*socket));
  }
  ~Fixture() {
    server->stop();
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
  }

  // Runs one turn of the loop; returns the number of requests that it answered.
  size_t run_turn() {
    const size_t before = handler.answers;
    uv_run(&loop, UV_RUN_NOWAIT);
    return handler.answers - before;
  }

  bool run_until(const std::function<bool()>& condition) {
    uv_update_time(&loop);
    for (const uint64_t start_ms = uv_now(&loop); !condition();) {
      if (uv_now(&loop) - start_ms > kLongMs) return false;
      uv_run(&loop, UV_RUN_NOWAIT);
      usleep(200);
    }
    return true;
  }

  // A connection that the server has accepted, and from which it has read `text`.
  std::unique_ptr<Client> connect(const std::string& text = "") {
    const uint64_t accepted = counters.connections_accepted.value();
    const uint64_t received = counters.bytes_received.value();
    auto client = std::make_unique<Client>(address);
    if (!text.empty()) client->send(text);
    REQUIRE(run_until([&] {
      return counters.connections_accepted.value() > accepted &&
             counters.bytes_received.value() == received + text.size();
    }));
    return client;
  }

  // Makes what begins next younger than what has begun.
  void pass_time() {
    uv_update_time(&loop);
    const uint64_t start_ms = uv_now(&loop);
    REQUIRE(run_until([&] { return uv_now(&loop) > start_ms + 1; }));
  }
};

const std::string kRequest = "GET / HTTP/1.1\r\nHost: t\r\n\r\n";
const std::string kTornRequest = "GET / HTTP/1.1\r\nHost: ";

std::string repeated(const std::string& text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

size_t closed(const Clients& clients) {
  size_t count = 0;
  for (const auto& client : clients) count += client->is_closed() ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("http server: connections in the middle of a request do not outlive fresh ones") {
  constexpr size_t kMax = 8;
  Fixture f(kMax);
  Clients slow;
  for (size_t i = 0; i < kMax; ++i) slow.push_back(f.connect(kTornRequest));
  f.pass_time();
  Clients fresh;
  for (size_t i = 0; i < kMax / 2; ++i) fresh.push_back(f.connect());
  CHECK(f.run_until([&] { return closed(slow) == kMax / 2; }));
  CHECK(closed(fresh) == 0);
  CHECK(f.counters.closed_for_room.value() == kMax / 2);
  for (const auto& client : fresh) {
    client->send(kRequest);
    CHECK(f.run_until([&] { return client->is_answered(); }));
  }
}

TEST_CASE("http server: a request that began just now outlives an idle connection") {
  Fixture f(2);
  const auto idle = f.connect();
  f.pass_time();
  const auto begun = f.connect(kTornRequest);
  const auto third = f.connect();
  CHECK(f.run_until([&] { return idle->is_closed(); }));
  CHECK(!begun->is_closed());
  begun->send("t\r\n\r\n");
  CHECK(f.run_until([&] { return begun->is_answered(); }));
}

TEST_CASE("http server: the oldest idle connection is closed") {
  Fixture f(3);
  Clients idle;
  for (size_t i = 0; i < 3; ++i) idle.push_back(f.connect());
  const auto fourth = f.connect(kRequest);
  CHECK(f.run_until([&] { return idle[0]->is_closed(); }));
  CHECK(closed(idle) == 1);
  CHECK(f.run_until([&] { return fourth->is_answered(); }));
}

TEST_CASE("http server: a request that came with its connection is answered when that is accepted") {
  Fixture f(8);
  Client client(f.address);
  client.send(kRequest);
  CHECK(f.run_turn() == 1);
  CHECK(client.is_answered());
  client.send(kRequest);
  CHECK(f.run_until([&] { return f.handler.answers == 2; }));
}

TEST_CASE("http server: requests that came with their connections have no more than a turn's work") {
  const HttpLimits limits{.turn = {.steps = 3, .bytes = 1 << 20}};
  Fixture f(limits);
  Clients clients;
  for (size_t i = 0; i < 10; ++i) {
    clients.push_back(std::make_unique<Client>(f.address));
    clients.back()->send(kRequest);
  }
  size_t most = 0;
  CHECK(f.run_until([&] {
    most = std::max(most, f.run_turn());
    return f.handler.answers == clients.size();
  }));
  CHECK(most <= limits.turn.steps);
  CHECK(f.counters.connections_accepted.value() == clients.size());
}

TEST_CASE("http server: a turn of the loop has its work bounded, whatever is pipelined") {
  constexpr size_t kEach = 300;
  const HttpLimits limits{.connection_turn = {.steps = 9, .bytes = 64 << 10},
                          .turn = {.steps = 30, .bytes = 1 << 20}};
  Fixture f(limits);
  Clients clients;
  for (size_t i = 0; i < 10; ++i) clients.push_back(f.connect());
  for (const auto& client : clients) client->send(repeated(kRequest, kEach));
  size_t most = 0;
  std::string first;
  REQUIRE(f.run_until([&] {
    most = std::max(most, f.run_turn());
    first += clients[0]->read();
    return f.handler.answers == clients.size() * kEach;
  }));
  CHECK(most <= limits.turn.steps);
  CHECK(f.counters.postponed.value() > 0);
  CHECK(f.run_until([&] { return count_of(first += clients[0]->read(), "200 OK") == kEach; }));
  // Then the loop sleeps again.
  const uint64_t postponed = f.counters.postponed.value();
  for (int i = 0; i < 10; ++i) f.run_turn();
  CHECK(f.counters.postponed.value() == postponed);
}

TEST_CASE("http server: one connection has its share of a turn only") {
  const HttpLimits limits{.connection_turn = {.steps = 5, .bytes = 64 << 10}};
  Fixture f(limits);
  const auto client = f.connect();
  client->send(repeated(kRequest, 100));
  size_t most = 0;
  CHECK(f.run_until([&] {
    most = std::max(most, f.run_turn());
    return f.handler.answers == 100;
  }));
  CHECK(most <= limits.connection_turn.steps);
}

TEST_CASE("http server: large answers use a turn up as well as many do") {
  const HttpLimits limits{.connection_turn = {.steps = 1000, .bytes = 10'000}};
  Fixture f(limits);
  f.handler.text = std::string(4'000, 'x');
  const auto client = f.connect();
  client->send(repeated(kRequest, 50));
  size_t most = 0;
  CHECK(f.run_until([&] {
    most = std::max(most, f.run_turn());
    client->read();
    return f.handler.answers == 50;
  }));
  CHECK(most <= 3);
}

TEST_CASE("http server: whoever asks once has a turn after those who came before") {
  constexpr size_t kGreedy = 12;
  const HttpLimits limits{.connection_turn = {.steps = 4, .bytes = 64 << 10},
                          .turn = {.steps = 16, .bytes = 1 << 20}};
  Fixture f(limits);
  Clients greedy;
  for (size_t i = 0; i < kGreedy; ++i) greedy.push_back(f.connect());
  const auto modest = f.connect();
  for (const auto& client : greedy) client->send(repeated(kRequest, 1000));
  for (int i = 0; i < 5; ++i) f.run_turn();
  modest->send(kRequest);
  size_t turns = 0;
  while (!modest->is_answered() && turns < 100) {
    f.run_turn();
    ++turns;
  }
  // One turn for its bytes to be seen, and those of the others: four connections in each.
  CHECK(turns <= 1 + kGreedy / 4 + 1);
}

TEST_CASE("http server: what is not read is not answered either, and is reset in the end") {
  Fixture f(HttpLimits{.answer_ms = 100});
  f.handler.text = std::string(4'000, 'x');
  const auto client = f.connect();
  // The kernel's buffers on both ways fill up.
  CHECK(f.run_until([&] {
    client->offer(repeated(kRequest, 100));
    return f.counters.closed_timeout.value() == 1;
  }));
  const size_t answers = f.handler.answers;
  CHECK(answers * f.handler.text.size() < 8 << 20);
  CHECK(client->is_reset());
}

TEST_CASE("http server: what waits for clients is bounded; the longest waited for pays") {
  const HttpLimits limits{.waiting_bytes_max = 40'000};
  Fixture f(limits);
  const std::string torn = "GET /" + std::string(3'000, 'x');
  Clients slow;
  const auto idle = f.connect();
  for (size_t i = 0; i < 40; ++i) {
    slow.push_back(f.connect(torn));
    f.pass_time();
  }
  CHECK(f.counters.closed_for_memory.value() >= 40 - limits.waiting_bytes_max / torn.size());
  CHECK(slow.front()->is_closed());
  CHECK(!slow.back()->is_closed());
  CHECK(!idle->is_closed());
  slow.back()->send(" HTTP/1.1\r\nHost: t\r\n\r\n");
  CHECK(f.run_until([&] { return slow.back()->is_answered(); }));
}

TEST_CASE("http server: a streamed answer has a deadline") {
  Fixture f(HttpLimits{.streamed_ms = 200});
  const auto client = f.connect("GET /endless HTTP/1.1\r\nHost: t\r\n\r\n");
  size_t size = 0;
  CHECK(f.run_until([&] {
    size += client->read().size();
    return f.counters.closed_slow.value() == 1;
  }));
  CHECK(size > 64 << 10);
  CHECK(client->is_reset());
}

TEST_CASE("http server: connections that expire together are closed a few in a turn") {
  Fixture f(HttpLimits{.idle_ms = 300});
  Clients idle;
  for (size_t i = 0; i < 150; ++i) idle.push_back(f.connect());
  uint64_t most = 0;
  CHECK(f.run_until([&] {
    const uint64_t before = f.counters.connections_closed.value();
    f.run_turn();
    most = std::max(most, f.counters.connections_closed.value() - before);
    return f.counters.connections_closed.value() == idle.size();
  }));
  CHECK(most <= 64);
  CHECK(f.counters.closed_timeout.value() == idle.size());
}

TEST_CASE("http server: without keep-alive the first answer is the last, whatever the client asks for") {
  Fixture f(8);
  f.server->keep_alive(false);
  for (const std::string& request : {kRequest, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"s,
                                     "GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"s}) {
    Client client(f.address);
    client.send(request);
    std::string text;
    CHECK(f.run_until([&] {
      text += client.read();
      return client.is_closed();
    }));
    CHECK(count_of(text, "\r\nConnection: close\r\n") == 1);
    CHECK(text.ends_with("\r\n\r\nok"));
    CHECK(!client.is_reset());
    CHECK(f.run_until([&] { return f.counters.connections_closed.value() == f.handler.answers; }));
  }
}

TEST_CASE(
    "http server: without keep-alive an answer is not lost to what the client has sent behind its request") {
  Fixture f(8);
  f.server->keep_alive(false);
  std::string one_read = "GET / HTTP/1.1\r\nHost: t\r\nX: ";
  one_read += std::string((4 << 10) - one_read.size() - 4, 'x') + "\r\n\r\n";
  // What follows has been read with the request, waits in the kernel, or is no whole request.
  for (const std::string& sent : {repeated(kRequest, 20), one_read + kRequest, kRequest + "GET /"}) {
    const size_t before = f.handler.answers;
    const uint64_t closed_before = f.counters.connections_closed.value();
    const auto client = std::make_unique<Client>(f.address);
    client->send(sent);
    CHECK(f.run_until([&] { return client->is_answered(); }));
    for (int i = 0; i < 20; ++i) f.run_turn();
    CHECK(f.handler.answers == before + 1);
    CHECK(!client->is_reset());
    CHECK(client->is_closed());
    // It may go on sending: we wait for it to have read the answer.
    CHECK(f.counters.connections_closed.value() == closed_before);
    CHECK(f.run_until([&] { return f.counters.connections_closed.value() > closed_before; }));
  }
}

TEST_CASE("http server: keep-alive may be turned off and on while connections are open") {
  Fixture f(8);
  const auto kept = f.connect(kRequest);
  CHECK(kept->is_answered());
  CHECK(kept->read().find("Connection:") == std::string::npos);
  f.server->keep_alive(false);
  CHECK(!kept->is_closed());
  kept->send(kRequest);
  CHECK(f.run_until([&] { return kept->read().ends_with("ok"); }));
  CHECK(f.run_until([&] { return kept->is_closed(); }));
  f.server->keep_alive(true);
  const auto next = f.connect(kRequest);
  next->read();
  next->send(kRequest);
  CHECK(f.run_until([&] { return next->read().ends_with("ok"); }));
  CHECK(!next->is_closed());
}

TEST_CASE("http server: without keep-alive a long answer is whole before the connection is closed") {
  Fixture f(8);
  f.server->keep_alive(false);
  f.handler.text = std::string(1 << 20, 'x');
  Client client(f.address);
  client.send(kRequest + kRequest);
  std::string text;
  CHECK(f.run_until([&] {
    text += client.read();
    return client.is_closed();
  }));
  CHECK(text.size() > f.handler.text.size());
  CHECK(text.size() < f.handler.text.size() + 256);
  CHECK(!client.is_reset());
}
