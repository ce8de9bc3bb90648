#include "node/http/http_server.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proto/http_answer.h"

using namespace shoal;
using namespace shoal::node;

namespace {

constexpr uint64_t kLongMs = 5000;

class Ok final : public HttpHandler {
 public:
  std::unique_ptr<StreamedAnswer> answer(const proto::HttpRequest& request,
                                         const common::Endpoint& /*client*/, std::string& out) override {
    proto::append_text(out, proto::reply_to(request), 200, "ok");
    return nullptr;
  }
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
};

using Clients = std::vector<std::unique_ptr<Client>>;

struct Fixture {
  uv_loop_t loop{};
  Ok handler;
  HttpCounters counters;
  std::unique_ptr<HttpServer> server;
  common::Endpoint address;

  explicit Fixture(size_t connections_max) {
    REQUIRE(uv_loop_init(&loop) == 0);
    server = std::make_unique<HttpServer>(&loop, HttpLimits{.connections_max = connections_max}, handler,
                                          counters);
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
