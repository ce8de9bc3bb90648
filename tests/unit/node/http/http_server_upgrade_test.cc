// The HTTP server with connections that have been upgraded to another protocol.

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "node/http/http_server.h"
#include "node/net/sockets.h"
#include "proto/http_answer.h"

using namespace shoal;
using namespace shoal::node;

namespace {

constexpr uint64_t kLongMs = 8000;
const std::string kUpgrade = "GET /up HTTP/1.1\r\nHost: t\r\n\r\n";
const std::string kPlain = "GET / HTTP/1.1\r\nHost: t\r\n\r\n";
const std::string kSwitched = "HTTP/1.1 101 Switching Protocols\r\n\r\n";

// A protocol of lines: each comes back; "end" ends the connection.
class Lines final : public Upgraded {
 public:
  Lines(UpgradedLink& link, size_t& open) : link_(link), open_(open) { ++open_; }
  ~Lines() override { --open_; }

  Took received(common::ByteSpan bytes, std::string& out) override {
    Took took;
    for (const uint8_t byte : bytes) {
      line_ += static_cast<char>(byte);
      if (byte != '\n') continue;
      took.whole = true;
      ++took.steps;
      took.over = took.over || line_ == "end\n";
      out += line_;
      std::string().swap(line_);
    }
    return took;
  }
  size_t parting_steps() const override { return parting; }
  void ask(std::string& out) override { out += "there?\n"; }
  void leave(std::string& out) override { out += "bye\n"; }
  size_t kept_bytes() const override { return line_.capacity(); }
  bool unfinished() const override { return !line_.empty(); }

  UpgradedLink& link_;
  size_t parting = 1;

 private:
  size_t& open_;
  std::string line_;
};

class Handler final : public HttpHandler {
 public:
  std::unique_ptr<StreamedAnswer> answer(const proto::HttpRequest& request,
                                         const common::Endpoint& /*client*/, std::string& out) override {
    proto::append_text(out, proto::reply_to(request), 200, "plain");
    return nullptr;
  }
  Upgrade upgrade(const proto::HttpRequest& request, const common::Endpoint& /*client*/, UpgradedLink& link,
                  bool room, std::string& out) override {
    if (request.path != "/up") return {};
    if (!room) {
      proto::append_text(out, proto::reply_to(request), 503, "full");
      return {.answered = true, .upgraded = nullptr};
    }
    out += kSwitched;
    auto lines = std::make_unique<Lines>(link, open);
    lines->parting = parting;
    last = lines.get();
    return {.answered = true, .upgraded = std::move(lines)};
  }

  size_t open = 0;
  size_t parting = 1;
  Lines* last = nullptr;
};

class RawClient {
 public:
  explicit RawClient(const common::Endpoint& server) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    const int small = 4096;
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~RawClient() { close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void send(const std::string& text) const {
    REQUIRE(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  void read() {
    std::array<char, 65536> buffer;
    ssize_t size = 0;
    while ((size = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
      text.append(buffer.data(), static_cast<size_t>(size));
    }
    closed = closed || size == 0 || (size < 0 && errno != EAGAIN);
  }

  std::string text;
  bool closed = false;

 private:
  int fd_;
};

struct Fixture {
  uv_loop_t loop{};
  Handler handler;
  HttpCounters counters;
  std::atomic<bool> draining{false};
  std::unique_ptr<HttpServer> server;
  common::Endpoint address;
  bool stopped = false;

  explicit Fixture(HttpLimits limits = {}) {
    if (limits.upgraded_max == 0) limits.upgraded_max = 100;
    REQUIRE(uv_loop_init(&loop) == 0);
    server = std::make_unique<HttpServer>(&loop, limits, handler, counters);
    server->close_when(draining);
    auto socket = open_tcp(common::make_endpoint_v4(0x7f000001, 0), PortUse::alone);
    REQUIRE(socket);
    address = local_endpoint(socket->get());
    server->listen(std::move(*socket));
  }
  ~Fixture() {
    stop();
    CHECK(uv_loop_close(&loop) == 0);
  }
  void stop() {
    if (std::exchange(stopped, true)) return;
    server->stop();
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(handler.open == 0);
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
  bool hears(RawClient& client, const std::string& wanted) {
    return run_until([&] {
      client.read();
      return client.text == wanted;
    });
  }
  bool is_closed(RawClient& client) {
    return run_until([&] {
      client.read();
      return client.closed;
    });
  }
  void upgrade(RawClient& client) {
    client.send(kUpgrade);
    REQUIRE(hears(client, kSwitched));
    client.text.clear();
  }
};

}  // namespace

TEST_CASE("http server upgrade: what follows the request is no HTTP any more") {
  Fixture f;
  RawClient client(f.address);
  client.send(kPlain + kUpgrade + "early\n" + kPlain);
  REQUIRE(f.run_until([&] {
    client.read();
    return client.text.ends_with("Host: t\r\n\r\n");
  }));
  CHECK(client.text.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(client.text.ends_with("plain" + kSwitched + "early\n" + kPlain));
  client.text.clear();
  client.send("a\nb");
  CHECK(f.hears(client, "a\n"));
  client.send("c\n");
  CHECK(f.hears(client, "a\nbc\n"));
  client.send("end\n");
  CHECK(f.is_closed(client));
  CHECK(client.text == "a\nbc\nend\n");
  CHECK(f.run_until([&] { return f.handler.open == 0; }));
}

TEST_CASE("http server upgrade: only so many, and others are served beside them") {
  Fixture f({.upgraded_max = 1});
  RawClient one(f.address);
  f.upgrade(one);
  RawClient two(f.address);
  two.send(kUpgrade + kPlain);
  REQUIRE(f.run_until([&] {
    two.read();
    return two.text.ends_with("plain");
  }));
  CHECK(two.text.starts_with("HTTP/1.1 503 "));
  one.send("end\n");
  CHECK(f.is_closed(one));
  CHECK(f.handler.open == 0);
  two.text.clear();
  two.send(kUpgrade);
  CHECK(f.hears(two, kSwitched));
}

TEST_CASE("http server upgrade: without keep-alive a connection is upgraded all the same, and stays") {
  Fixture f;
  f.server->keep_alive(false);
  RawClient client(f.address);
  f.upgrade(client);
  client.send("a\n");
  CHECK(f.hears(client, "a\n"));
  client.send("b\n");
  CHECK(f.hears(client, "a\nb\n"));
}

TEST_CASE("http server upgrade: a full server closes other connections first") {
  Fixture f({.connections_max = 2});
  RawClient upgraded(f.address);
  f.upgrade(upgraded);
  RawClient plain(f.address);
  plain.send(kPlain);
  REQUIRE(f.run_until([&] {
    plain.read();
    return !plain.text.empty();
  }));
  RawClient newcomer(f.address);
  CHECK(f.is_closed(plain));
  upgraded.send("still\n");
  CHECK(f.hears(upgraded, "still\n"));
}

TEST_CASE("http server upgrade: an idle client is asked, and closed if it does not answer") {
  Fixture f({.ask_ms = 50, .asked_ms = 50});
  RawClient client(f.address);
  f.upgrade(client);
  REQUIRE(f.hears(client, "there?\n"));
  client.send("yes\n");
  REQUIRE(f.hears(client, "there?\nyes\n"));
  CHECK(f.is_closed(client));
  CHECK(client.text == "there?\nyes\nthere?\n");
  CHECK(f.counters.closed_timeout.value() == 1);
}

TEST_CASE("http server upgrade: a message that does not end is not waited for, however its bytes trickle") {
  Fixture f({.request_ms = 50, .ask_ms = 20, .asked_ms = 20'000});
  RawClient client(f.address);
  f.upgrade(client);
  client.send("half");
  REQUIRE(f.run_until([&] {
    client.read();
    if (!client.closed) client.send("x");
    return client.closed || f.counters.closed_timeout.value() == 1;
  }));
  CHECK(f.counters.closed_timeout.value() == 1);
}

TEST_CASE("http server upgrade: what is sent unasked arrives, in order") {
  Fixture f;
  RawClient client(f.address);
  f.upgrade(client);
  std::string wanted;
  for (int i = 0; i < 200; ++i) {
    const std::string line = std::to_string(i) + std::string(1000, 'x') + "\n";
    if (f.handler.last->link_.send(line)) wanted += line;
    if (i % 10 == 0) client.read();
    uv_run(&f.loop, UV_RUN_NOWAIT);
  }
  client.send("done\n");
  CHECK(f.hears(client, wanted + "done\n"));
}

TEST_CASE("http server upgrade: one that does not read is given so much, costs so much, and is closed") {
  Fixture f({.answer_ms = 100});
  RawClient client(f.address);
  f.upgrade(client);
  const std::string line(4000, 'x');
  size_t taken = 0;
  while (f.handler.last->link_.send(line)) ++taken;
  // The kernel's buffers, and then the bound.
  CHECK(taken >= (64 << 10) / line.size());
  CHECK(taken < 200);
  CHECK(f.run_until([&] { return f.handler.open == 0; }));
  CHECK(f.counters.closed_timeout.value() == 1);
}

TEST_CASE("http server upgrade: with too much waiting in all, the slow ones go") {
  Fixture f({.waiting_bytes_max = 100 << 10});
  RawClient one(f.address);
  f.upgrade(one);
  Lines* const slow = f.handler.last;
  RawClient two(f.address);
  f.upgrade(two);
  const std::string line(4000, 'x');
  while (slow->link_.send(line)) {
  }
  Lines* const second = f.handler.last;
  size_t before = f.handler.open;
  while (f.handler.open == before && second->link_.send(line)) {
  }
  CHECK(f.counters.closed_for_memory.value() >= 1);
}

TEST_CASE("http server upgrade: the last words, when the server stops or drains") {
  Fixture f;
  RawClient draining(f.address);
  f.upgrade(draining);
  RawClient idle(f.address);
  f.upgrade(idle);
  f.draining = true;
  draining.send("a\n");
  CHECK(f.is_closed(draining));
  CHECK(draining.text == "a\nbye\n");
  RawClient late(f.address);
  late.send(kUpgrade);
  CHECK(f.is_closed(late));
  CHECK(late.text.starts_with("HTTP/1.1 503 "));
  f.stop();
  idle.read();
  CHECK(idle.text == "bye\n");
  CHECK(idle.closed);
}

TEST_CASE("http server upgrade: a client that floods has its turns, and no more") {
  Fixture f({.connection_turn = {.steps = 4, .bytes = 1 << 20}});
  RawClient client(f.address);
  f.upgrade(client);
  std::string lines;
  for (int i = 0; i < 10'000; ++i) lines += "x\n";
  client.send(lines);
  CHECK(f.hears(client, lines));
  CHECK(f.counters.postponed.value() > 0);
}

TEST_CASE("http server upgrade: connections whose end is much work end in several turns") {
  constexpr size_t kClients = 20;
  Fixture f;
  f.handler.parting = 1 << 20;
  {
    std::vector<std::unique_ptr<RawClient>> clients;
    for (size_t i = 0; i < kClients; ++i) {
      clients.push_back(std::make_unique<RawClient>(f.address));
      f.upgrade(*clients.back());
    }
    REQUIRE(f.handler.open == kClients);
  }
  size_t most = 0;
  REQUIRE(f.run_until([&, before = kClients]() mutable {
    most = std::max(most, before - f.handler.open);
    before = f.handler.open;
    return f.handler.open == 0;
  }));
  CHECK(most == 1);
}
