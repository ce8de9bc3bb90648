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
#include <functional>
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
      if (recv(connection.get(), request, sizeof request, 0) <= 0) return;
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
  std::thread thread_;
};

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
  if (!node::load_curl()) return;
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
  if (!node::load_curl()) return;
  OneAnswer server(slowly("HTTP/1.1 200 OK\r\n\r\n", std::string(2'000, '#'), 50));
  auto request = server.request();
  request.limits.total_s = 2;
  const Outcome outcome = run(request);
  CHECK(outcome.error.find("timed out") != std::string::npos);
  CHECK(outcome.took_ms < 15'000);
}

TEST_CASE("feed transfer: it stops within a second or so when it is told to") {
  if (!node::load_curl()) return;
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
  if (!node::load_curl()) return;
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
