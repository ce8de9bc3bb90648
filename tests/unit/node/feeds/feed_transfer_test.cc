// What servers do with time: the limits of a transfer, with limits that are short. What else they do is in
// tests/e2e/test_feeds.py.

#include "node/feeds/feed_transfer.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <future>
#include <string>
#include <thread>

#include "node/feeds/curl_library.h"
#include "node/os/file_descriptor.h"
#include "node/os/monotonic.h"

using namespace shoal;

namespace {

// Accepts one connection, reads what comes first, and does what it is told with it.
class OneAnswer {
 public:
  explicit OneAnswer(std::function<void(int connection, const std::atomic<bool>& over)> answer)
      : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(listener_.get(), 1) == 0);
    REQUIRE(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, answer = std::move(answer)] {
      const node::FileDescriptor connection(accept(listener_.get(), nullptr, nullptr));
      if (!connection.is_open()) return;
      char request[4096];
      const ssize_t got = recv(connection.get(), request, sizeof request, 0);
      if (got <= 0) return;
      asked_.set_value(std::string(request, static_cast<size_t>(got)));
      answer(connection.get(), over_);
    });
  }
  ~OneAnswer() {
    over_ = true;
    shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;

  uint16_t port() const { return port_; }

  // The first bytes of its request. Once, after a transfer.
  std::string asked() { return asked_.get_future().get(); }

  node::FeedRequest request() const {
    node::FeedRequest request;
    request.source = {"a", node::FeedKind::networks, 60, "http://127.0.0.1:" + std::to_string(port_) + "/"};
    request.limits = {.connect_s = 1, .total_s = 20, .slow_bytes_per_s = 1'000, .slow_s = 1, .redirects = 1};
    return request;
  }

 private:
  node::FileDescriptor listener_;
  uint16_t port_ = 0;
  std::atomic<bool> over_ = false;
  std::promise<std::string> asked_;
  std::thread thread_;
};

// False: this is a build without libcurl. In all others it must be there.
bool can_fetch() {
  if (!node::built_with_curl()) return false;
  REQUIRE(node::load_curl());
  // Whatever proxy the machine has: these servers are on it.
  setenv("no_proxy", "*", 1);
  return true;
}

void say(int connection, const std::string& text) {
  (void)!send(connection, text.data(), text.size(), MSG_NOSIGNAL);
}

void wait_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

const std::string kHead = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";

// A server that sends `what` every `every_ms` after its head.
std::function<void(int, const std::atomic<bool>&)> slowly(const std::string& head, const std::string& what,
                                                          int every_ms) {
  return [=](int connection, const std::atomic<bool>& over) {
    say(connection, head);
    while (!over) {
      say(connection, what);
      wait_ms(every_ms);
    }
  };
}

struct Outcome {
  std::string error;
  int64_t took_ms;
};

Outcome run(const node::FeedRequest& request, const std::stop_token& stop = {}) {
  const int64_t begun = node::monotonic_ms();
  const auto transfer = node::transfer_url(
      request, [](std::string_view) { return true; }, stop);
  return {transfer ? "" : transfer.error().message, node::monotonic_ms() - begun};
}

}  // namespace

TEST_CASE("feed transfer: a server that drips or stalls is given up") {
  if (!can_fetch()) return;
  for (const char* drip : {"1", ""}) {
    OneAnswer server(slowly(kHead, drip, 100));
    const Outcome outcome = run(server.request());
    CHECK(outcome.error.find("too slow") != std::string::npos);
    CHECK(outcome.took_ms < 15'000);
  }
  // Also before the answer has begun.
  OneAnswer server(slowly("", "", 100));
  CHECK_FALSE(run(server.request()).error.empty());
}

TEST_CASE("feed transfer: there is an end even of what is fast") {
  if (!can_fetch()) return;
  OneAnswer server(slowly("HTTP/1.1 200 OK\r\n\r\n", std::string(2'000, '#'), 50));
  auto request = server.request();
  request.limits.total_s = 2;
  const Outcome outcome = run(request);
  // Without milliseconds and bytes, which would make each failure another.
  CHECK(outcome.error == "Operation timed out");
  CHECK(outcome.took_ms < 15'000);
}

TEST_CASE("feed transfer: it stops within a second or so when it is told to") {
  if (!can_fetch()) return;
  OneAnswer server(slowly(kHead, "", 50));
  auto request = server.request();
  request.limits.slow_s = 20;
  std::stop_source stop;
  std::thread stopper([&] {
    wait_ms(200);
    stop.request_stop();
  });
  const Outcome outcome = run(request, stop.get_token());
  stopper.join();
  CHECK_FALSE(outcome.error.empty());
  CHECK(outcome.took_ms < 10'000);
}

TEST_CASE("feed transfer: a page of an error is not read") {
  if (!can_fetch()) return;
  OneAnswer server([](int connection, const std::atomic<bool>&) {
    say(connection, "HTTP/1.1 500 No\r\nContent-Length: 1000000000\r\n\r\n" + std::string(100'000, '#'));
  });
  size_t taken = 0;
  const auto transfer = node::transfer_url(server.request(),
                                           [&](std::string_view bytes) {
                                             taken += bytes.size();
                                             return true;
                                           },
                                           {});
  REQUIRE_FALSE(transfer);
  CHECK(transfer.error().message == "HTTP status 500");
  CHECK(taken == 0);
}

TEST_CASE("feed transfer: a server that nobody runs is the same failure each time") {
  if (!can_fetch()) return;
  uint16_t port = 0;
  {
    const OneAnswer gone([](int, const std::atomic<bool>&) {});
    port = gone.port();
  }
  auto request = OneAnswer([](int, const std::atomic<bool>&) {}).request();
  request.source.place = "http://127.0.0.1:" + std::to_string(port) + "/";
  const std::string error = run(request).error;
  CHECK(error.starts_with("Failed to connect to 127.0.0.1 port " + std::to_string(port)));
  CHECK(error.find(" ms") == std::string::npos);
}

TEST_CASE("feed transfer: 304 is an answer to who holds a list, and to nobody else") {
  if (!can_fetch()) return;
  const auto unchanged = [](int connection, const std::atomic<bool>&) {
    say(connection, "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
  };
  const auto take = [](std::string_view) { return true; };
  for (const node::FeedVersion& held :
       {node::FeedVersion{"\"one\"", ""}, node::FeedVersion{"", "Mon, 30 Nov 2026 07:00:00 GMT"},
        node::FeedVersion{"\"one\"", "Mon, 30 Nov 2026 07:00:00 GMT"}}) {
    OneAnswer server(unchanged);
    auto request = server.request();
    request.held = held;
    const auto transfer = node::transfer_url(request, take, {});
    REQUIRE(transfer);
    CHECK(transfer->unchanged);
    CHECK(transfer->version == held);
    const std::string asked = server.asked();
    const auto has = [&](const std::string& line) { return asked.find(line + "\r\n") != std::string::npos; };
    CHECK(has("If-None-Match: " + held.etag) == !held.etag.empty());
    CHECK(has("If-Modified-Since: " + held.modified) == !held.modified.empty());
  }
  OneAnswer server(unchanged);
  const auto transfer = node::transfer_url(server.request(), take, {});
  REQUIRE_FALSE(transfer);
  CHECK(transfer.error().message == "HTTP status 304");
  const std::string asked = server.asked();
  CHECK(asked.find("If-") == std::string::npos);
}
