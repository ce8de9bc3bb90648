// Loads an HTTP tracker with announces of 20,000 peers in 1,000 torrents, in a closed loop, and prints
// answers per second and CPU time of the tracker's process per answer. wrk does so too, but closes no
// connection by itself; real clients do, in three ways (--client):
//   close   "Connection: close", and the tracker closes
//   silent  HTTP/1.1 without a word about the connection, and the client closes once it has the answer
//   kept    a connection for all requests

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "bench/measure.h"
#include "bench/workload.h"

namespace {

using namespace shoal::bench;

constexpr uint32_t kTorrents = 1000;
constexpr uint32_t kPeers = 20'000;
constexpr uint32_t kAddresses = 64;

struct Arguments {
  std::string host = "127.0.0.1";
  std::string clients = "127.1.0.1";
  uint16_t port = 6969;
  std::string client = "close";
  uint32_t connections = 64;
  uint32_t numwant = 30;
  double seconds = 5;
  double warmup = 1;
  int pid = 0;
  std::string hashes;
};

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

uint32_t address_of(const std::string& text) {
  in_addr address{};
  if (inet_pton(AF_INET, text.c_str(), &address) != 1) die("an IPv4 address is wanted");
  return ntohl(address.s_addr);
}

std::string request_of(uint32_t number, const Arguments& arguments) {
  std::string out = "GET /announce?info_hash=";
  for (const uint8_t byte : torrent_hash(number % kTorrents).bytes) {
    std::array<char, 4> text;
    std::snprintf(text.data(), text.size(), "%%%02x", byte);
    out += text.data();
  }
  out += "&peer_id=-SB0001-bench-client&port=" + std::to_string(1 + number) +
         "&uploaded=0&downloaded=0&left=" + (number % 4 == 0 ? "50" : "0") +
         "&numwant=" + std::to_string(arguments.numwant) +
         "&compact=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench/1.0\r\n";
  return out + (arguments.client == "close" ? "Connection: close\r\n\r\n" : "\r\n");
}

// The size of the answer at the beginning of `bytes`; 0: its head is not complete, or says none.
size_t answer_size(std::string_view bytes) {
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  const size_t head = bytes.find("\r\n\r\n");
  const size_t length = bytes.find(kLength);
  if (head == std::string_view::npos || length > head) return 0;
  size_t body = 0;
  std::from_chars(bytes.data() + length + kLength.size(), bytes.data() + head, body);
  return head + 4 + body;
}

int print_hashes(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) die(path.c_str());
  for (uint32_t i = 0; i < kTorrents; ++i) {
    std::fprintf(file, "%s\n", shoal::common::to_hex(torrent_hash(i)).c_str());
  }
  return std::fclose(file) == 0 ? 0 : 1;
}

class Load {
 public:
  explicit Load(const Arguments& arguments) : arguments_(arguments), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    requests_.reserve(kPeers);
    for (uint32_t number = 0; number < kPeers; ++number) requests_.push_back(request_of(number, arguments));
    connections_.resize(arguments.connections);
    for (uint32_t i = 0; i < arguments.connections; ++i) begin(i);
  }

  void run(double seconds) {
    answers_ = bytes_ = 0;
    const uint64_t end_ns = monotonic_ns() + static_cast<uint64_t>(seconds * 1e9);
    std::array<epoll_event, 64> events;
    while (monotonic_ns() < end_ns) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
      for (int i = 0; i < count; ++i) take(events[static_cast<size_t>(i)]);
    }
  }

  uint64_t answers() const { return answers_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t wrong() const { return wrong_; }

 private:
  struct Connection {
    int fd = -1;
    std::string got;
    bool asked = false;
  };

  void begin(uint32_t index) {
    Connection& connection = connections_[index];
    connection.got.clear();
    connection.asked = false;
    if (connection.fd >= 0) return ask(connection);
    connection.fd = open_from(address_of(arguments_.clients) + next_address_++ % kAddresses);
    // Both at once, each told once: the way is open, the answer is there.
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.u32 = index}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event) != 0) die("epoll_ctl");
  }

  void ask(Connection& connection) {
    const std::string& request = requests_[next_request_++ % kPeers];
    if (send(connection.fd, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size()))
      die("cannot send");
    connection.asked = true;
  }

  int open_from(uint32_t address) const {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    sockaddr_in own{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(address)}, .sin_zero = {}};
    sockaddr_in tracker{.sin_family = AF_INET,
                        .sin_port = htons(arguments_.port),
                        .sin_addr = {htonl(address_of(arguments_.host))},
                        .sin_zero = {}};
    if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&own), sizeof own) != 0 ||
        (connect(fd, reinterpret_cast<sockaddr*>(&tracker), sizeof tracker) != 0 && errno != EINPROGRESS))
      die("cannot connect");
    return fd;
  }

  void take(const epoll_event& event) {
    const uint32_t index = event.data.u32;
    Connection& connection = connections_[index];
    if (!connection.asked && (event.events & EPOLLOUT) != 0) return ask(connection);
    std::array<char, 8192> buffer;
    ssize_t size = 0;
    while ((size = recv(connection.fd, buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
      connection.got.append(buffer.data(), static_cast<size_t>(size));
    }
    const bool ended = size == 0 || errno != EAGAIN;
    const size_t whole = answer_size(connection.got);
    const bool complete = whole != 0 && connection.got.size() >= whole;
    // Who asks the tracker to close waits until it does.
    if (!ended && (!complete || arguments_.client == "close")) return;
    const bool good = complete && connection.got.size() == whole && connection.got.starts_with("HTTP/1.") &&
                      connection.got.find("8:complete") != std::string::npos;
    wrong_ += !good;
    ++answers_;
    bytes_ += connection.got.size();
    if (ended || arguments_.client != "kept") {
      close(connection.fd);
      connection.fd = -1;
    }
    begin(index);
  }

  const Arguments& arguments_;
  const int epoll_;
  std::vector<std::string> requests_;
  std::vector<Connection> connections_;
  uint32_t next_request_ = 0;
  uint32_t next_address_ = 0;
  uint64_t answers_ = 0;
  uint64_t bytes_ = 0;
  uint64_t wrong_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("loads an HTTP tracker with announces");
  Arguments arguments;
  app.add_option("--host", arguments.host, "IPv4 address of the tracker");
  app.add_option("--clients", arguments.clients, "IPv4 address of the first of 64 clients");
  app.add_option("--port", arguments.port, "TCP port of the tracker");
  app.add_option("--client", arguments.client, "what clients do with connections")
      ->check(CLI::IsMember({"close", "silent", "kept"}));
  app.add_option("--connections", arguments.connections, "at once")->check(CLI::Range(1U, 1024U));
  app.add_option("--numwant", arguments.numwant, "peers requested");
  app.add_option("--seconds", arguments.seconds, "time measured");
  app.add_option("--warmup", arguments.warmup, "time before, not measured");
  app.add_option("--pid", arguments.pid, "process whose CPU time is measured");
  app.add_option("--print-hashes", arguments.hashes, "write the info_hashes to this file and exit");
  CLI11_PARSE(app, argc, argv);
  if (!arguments.hashes.empty()) return print_hashes(arguments.hashes);
  Load load(arguments);
  load.run(arguments.warmup);
  const uint64_t cpu_ns = arguments.pid != 0 ? process_cpu_ns(arguments.pid) : 0;
  const uint64_t user_ns = arguments.pid != 0 ? process_user_ns(arguments.pid) : 0;
  const uint64_t start_ns = monotonic_ns();
  load.run(arguments.seconds);
  const auto wall_ns = static_cast<double>(monotonic_ns() - start_ns);
  const auto answers = static_cast<double>(std::max<uint64_t>(1, load.answers()));
  nlohmann::ordered_json result;
  result["answers_per_s"] = answers / wall_ns * 1e9;
  if (arguments.pid != 0) {
    result["tracker_us_per_answer"] =
        static_cast<double>(process_cpu_ns(arguments.pid) - cpu_ns) / answers / 1e3;
    result["user_us_per_answer"] =
        static_cast<double>(process_user_ns(arguments.pid) - user_ns) / answers / 1e3;
  }
  result["answers"] = load.answers();
  result["bytes_per_answer"] = static_cast<double>(load.bytes()) / answers;
  result["wrong"] = load.wrong();
  std::printf("%s\n", result.dump().c_str());
  return load.wrong() == 0 ? 0 : 2;
}
