#include "node/probe/http_client.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <thread>

using namespace shoal::node;

namespace {

constexpr std::chrono::milliseconds kLong{5000};

// Accepts one connection on loopback, reads a request, sends `answer` and closes, or keeps it open until
// destroyed.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer, bool keep_open = false)
      : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(listener_, 1) == 0);
    REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, answer = std::move(answer), keep_open] {
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      std::array<char, 4096> buffer;
      request_.assign(buffer.data(),
                      static_cast<size_t>(std::max<ssize_t>(0, read(fd, buffer.data(), buffer.size()))));
      size_t sent = 0;
      while (sent < answer.size()) {
        const ssize_t n = send(fd, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<size_t>(n);
      }
      while (keep_open && read(fd, buffer.data(), buffer.size()) > 0) {
      }
      close(fd);
    });
  }
  ~OneAnswer() {
    shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    close(listener_);
  }

  HostPort address() const { return {"127.0.0.1", port_}; }

  // Call it when the client is done.
  const std::string& request() {
    thread_.join();
    return request_;
  }

 private:
  int listener_;
  uint16_t port_ = 0;
  std::string request_;
  std::thread thread_;
};

std::string error_of(const std::string& answer) {
  const OneAnswer server(answer);
  const auto reply = http_get(server.address(), "/", kLong);
  return reply ? "no error" : reply.error().message;
}

}  // namespace

TEST_CASE("http client: a body ends by its length or with the connection") {
  {
    OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and more", true);
    const auto reply = http_get(server.address(), "/status.json", kLong);
    REQUIRE(reply);
    CHECK(reply->status == 200);
    CHECK(reply->body == "hello");
    CHECK(server.request().starts_with("GET /status.json HTTP/1.0\r\nHost: 127.0.0.1:"));
  }
  {
    const OneAnswer server("HTTP/1.0 503 Not Now\r\n\r\n" + std::string(100'000, 'x'));
    const auto reply = http_get(server.address(), "/", kLong);
    REQUIRE(reply);
    CHECK(reply->status == 503);
    CHECK(reply->body == std::string(100'000, 'x'));
  }
}

TEST_CASE("http client: post sends nothing but the request") {
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ndraining\n");
  const auto reply = http_post(server.address(), "/v1/drain", kLong);
  REQUIRE(reply);
  CHECK(reply->body == "draining\n");
  const std::string& request = server.request();
  CHECK(request.starts_with("POST /v1/drain HTTP/1.0\r\nHost: 127.0.0.1:"));
  CHECK(request.ends_with("\r\n\r\n"));
}

TEST_CASE("http client: invalid answers") {
  CHECK(error_of("") == "closed without an answer");
  CHECK(error_of("HTTP/1.1 200 OK\r\n") == "closed in the answer's header");
  CHECK(error_of("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello") == "closed in the answer's body");
  CHECK(error_of("SSH-2.0-\x1b[2J\r\n\r\n") == "the answer is not HTTP: \"SSH-2.0-\\x1b[2J\"");
  CHECK(error_of("HTTP/1.1 2000\r\n\r\n").starts_with("the answer is not HTTP"));
  CHECK(error_of("HTTP/1.1 099 x\r\n\r\n").starts_with("the answer is not HTTP"));
  CHECK(error_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").find("transfer encoding") !=
        std::string::npos);
  for (const char* length : {"-1", "x", "", "99999999999999999999", "16777217", "1\r\nContent-Length: 2"}) {
    CAPTURE(length);
    CHECK(error_of("HTTP/1.1 200 OK\r\nContent-Length: " + std::string(length) + "\r\n\r\n")
              .starts_with("the answer has a bad Content-Length: \""));
  }
  CHECK(error_of("HTTP/1.1 200 OK\r\nA: " + std::string(70'000, 'a')) == "the answer's header is too long");
  CHECK(error_of("HTTP/1.1 200 OK\r\n\r\n" + std::string(kHttpReplyBodyMax + 1, 'a')) ==
        "the answer is too long");
}

TEST_CASE("http client: a silent server and no server") {
  const OneAnswer silent("HTTP/1.1 200 OK\r\n", true);
  const auto start = std::chrono::steady_clock::now();
  const auto reply = http_get(silent.address(), "/", std::chrono::milliseconds(50));
  REQUIRE(!reply);
  CHECK(reply.error().message == "timed out");
  CHECK(std::chrono::steady_clock::now() - start < kLong);
  const auto none = http_get(HostPort{"127.0.0.1", 1}, "/", kLong);
  REQUIRE(!none);
  CHECK(none.error().message == "Connection refused");
}
