// Our part of the HTTP path, without the kernel: a real HttpServer, HttpTracker and store, but the two
// functions below replace read and write on their connections: they supply prepared requests and discard the
// answers. Prints nanoseconds of CPU time per answer, including the copy of the request and a sixty-fourth of
// an epoll_wait. Under callgrind it counts instructions, without noise: tests/bench/instructions_check.
//
// With --close each request uses its own, real connection: for counting, not for timing.

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "bench/path.h"
#include "bench/workload.h"
#include "node/http/http_server.h"
#include "node/net/sockets.h"
#include "node/scan/full_scrapes.h"
#include "node/store/cluster_clock.h"
#include "node/store/swarm_store.h"
#include "node/tracker/http_tracker.h"
#include "node/tracker/opentracker_page.h"
#include "node/tracker/tracker.h"

namespace {

using namespace shoal;

constexpr uint32_t kFirstAddress = 0x7f010001;  // of client 0
constexpr size_t kFilesMax = 1024;

// What one client sends, repeatedly, on one connection.
struct Client {
  std::vector<std::string> requests;
  size_t next = 0;
};

struct Traffic {
  std::vector<Client> clients;
  std::array<Client*, kFilesMax> by_file{};  // by the server's descriptor of its connection; else null
  uint64_t left = 0;                         // requests still to supply
  uint64_t bytes = 0;
};
Traffic traffic;

Client* client_of(int fd) {
  return fd >= 0 && static_cast<size_t>(fd) < kFilesMax ? traffic.by_file[static_cast<size_t>(fd)] : nullptr;
}

const std::string& next_request(Client& client) {
  const std::string& request = client.requests[client.next];
  if (++client.next == client.requests.size()) client.next = 0;
  return request;
}

}  // namespace

// These replace libc's in this program, libuv included. Other descriptors are passed on.
extern "C" ssize_t read(int fd, void* to, size_t size) {
  Client* const client = client_of(fd);
  if (client == nullptr) return syscall(SYS_read, fd, to, size);
  if (traffic.left == 0) {
    errno = EAGAIN;
    return -1;
  }
  --traffic.left;
  const std::string& request = next_request(*client);
  std::memcpy(to, request.data(), request.size());
  return static_cast<ssize_t>(request.size());
}

extern "C" ssize_t write(int fd, const void* from, size_t size) {
  if (client_of(fd) == nullptr) return syscall(SYS_write, fd, from, size);
  traffic.bytes += size;
  return static_cast<ssize_t>(size);
}

namespace {

struct Arguments : bench::PathArguments {
  uint32_t scrape = 0;
  bool close = false;
  bool listed = false;
};

int parse(int argc, char** argv, Arguments& out) {
  CLI::App app("runs the HTTP path without the kernel");
  bench::add_options(app, out, 3'000'000);
  app.add_option("--scrape", out.scrape, "scrapes of this many torrents instead of announces")
      ->check(CLI::Range(0U, 50U));
  app.add_flag("--close", out.close, "a connection for each request");
  app.add_flag("--listed", out.listed, "ask for lists of peers: compact=0");
  CLI11_PARSE(app, argc, argv);
  return 0;
}

std::string escaped(const common::InfoHash& hash) {
  std::string out;
  for (const uint8_t byte : hash.bytes) {
    std::array<char, 4> text;
    std::snprintf(text.data(), text.size(), "%%%02x", byte);
    out += text.data();
  }
  return out;
}

// A request as qBittorrent sends it.
std::string request_for(const std::string& query, bool close) {
  return "GET " + query +
         " HTTP/1.1\r\nHost: tracker.example.org:6969\r\nUser-Agent: qBittorrent/4.5.2\r\n"
         "Accept-Encoding: gzip\r\nConnection: " +
         (close ? "close" : "keep-alive") + "\r\n\r\n";
}

std::string announce_of(const bench::WorkloadPeer& peer, uint32_t numwant, bool listed) {
  return "/announce?info_hash=" + escaped(bench::torrent_hash(peer.torrent)) +
         "&peer_id=-qB4520-bench!client&port=" + std::to_string(peer.port) +
         "&uploaded=0&downloaded=0&left=" + (peer.seeder ? "0" : "50") +
         "&corrupt=0&key=1A2B3C4D&numwant=" + std::to_string(numwant) +
         (listed ? "&compact=0" : "&compact=1") + "&no_peer_id=1&supportcrypto=1&redundant=0";
}

std::string scrape_of(const bench::Workload& workload, uint32_t torrents, common::Prng& prng) {
  std::string query = "/scrape?";
  for (uint32_t i = 0; i < torrents; ++i) {
    query +=
        (i == 0 ? "info_hash=" : "&info_hash=") + escaped(bench::torrent_hash(workload.random_torrent(prng)));
  }
  return query;
}

// Makes a request for each peer, grouped by client.
void make_requests(const bench::Workload& workload, const Arguments& arguments) {
  common::Prng prng(7);
  for (uint32_t number = 0; number < workload.clients(); ++number) {
    Client& client = traffic.clients[number];
    client = {};
    for (uint32_t index = 0; index < workload.peers_of_client(number); ++index) {
      client.requests.push_back(
          request_for(arguments.scrape > 0
                          ? scrape_of(workload, arguments.scrape, prng)
                          : announce_of(workload.peer(number, index), arguments.numwant, arguments.listed),
                      arguments.close));
    }
  }
}

sockaddr_in socket_address(uint32_t address, uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  out.sin_addr.s_addr = htonl(address);
  return out;
}

// A connection to the server from the client's address, on which `text` has been sent.
node::FileDescriptor connect_from(uint32_t client, uint16_t port, const std::string& text) {
  node::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
  const sockaddr_in from = socket_address(kFirstAddress + client, 0);
  const sockaddr_in to = socket_address(INADDR_LOOPBACK, port);
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0 ||
      connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 ||
      send(socket.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    std::perror("cannot connect");
    std::exit(1);
  }
  return socket;
}

class Bench {
 public:
  explicit Bench(const Arguments& arguments)
      : arguments_(arguments),
        tracker_(bench::tracker_settings(), store_, nullptr, counters_.announce, 1),
        workload_(arguments.torrents, arguments.peers) {
    uv_loop_init(&loop_);
    server_ = std::make_unique<node::HttpServer>(
        &loop_, node::HttpLimits{.idle_ms = 86'400'000, .rules = {.lenient = true, .bare_lf = true}},
        handler_, counters_.http);
    auto socket = node::open_tcp(common::make_endpoint_v4(INADDR_LOOPBACK, 0), node::PortUse::alone);
    if (!socket) {
      std::fprintf(stderr, "%s\n", socket.error().message.c_str());
      std::exit(1);
    }
    port_ = node::local_endpoint(socket->get()).port;
    server_->listen(std::move(*socket));
    traffic.clients.resize(workload_.clients());
  }

  int run() {
    make_requests(workload_, filling());
    connect_clients();
    serve(workload_.peers());
    make_requests(workload_, arguments_);
    const bool all = bench::run_rounds(arguments_, [this](uint64_t count) {
      traffic.bytes = 0;
      const uint64_t answered = answered_well();
      if (arguments_.close) {
        serve_connections(count);
      } else {
        serve(count);
      }
      return bench::Served{answered_well() - answered, traffic.bytes, 0};
    });
    traffic.by_file = {};
    server_->stop();
    uv_run(&loop_, UV_RUN_DEFAULT);
    return all ? 0 : 1;
  }

 private:
  // Announces that want no peers.
  static Arguments filling() {
    return {{.torrents = 0, .peers = 0, .answers = 0, .rounds = 0, .numwant = 0}};
  }

  uint64_t answered_well() const {
    return counters_.http_tracker[0].announces.value() + counters_.http_tracker[0].scrapes.value();
  }

  // One connection per client. Accepted, it has nothing to read; then a byte is sent that stays unread, so
  // epoll always finds it readable.
  void connect_clients() {
    for (uint32_t client = 0; client < workload_.clients(); ++client) {
      sockets_.push_back(connect_from(client, port_, ""));
    }
    while (counters_.http.connections_accepted.value() < workload_.clients()) uv_run(&loop_, UV_RUN_NOWAIT);
    name_connections();
    for (const node::FileDescriptor& socket : sockets_) {
      if (send(socket.get(), "x", 1, 0) != 1) std::perror("cannot send");
    }
  }

  void name_connections() {
    for (int fd = 0; fd < static_cast<int>(kFilesMax); ++fd) {
      sockaddr_in own{};
      sockaddr_in peer{};
      socklen_t own_size = sizeof own;
      socklen_t peer_size = sizeof peer;
      if (getsockname(fd, reinterpret_cast<sockaddr*>(&own), &own_size) != 0) continue;
      if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) continue;
      if (own.sin_family != AF_INET || ntohs(own.sin_port) != port_) continue;
      traffic.by_file[static_cast<size_t>(fd)] =
          &traffic.clients[ntohl(peer.sin_addr.s_addr) - kFirstAddress];
    }
  }

  // Runs the loop until `count` requests are served.
  void serve(uint64_t count) {
    traffic.left = count;
    while (traffic.left > 0) uv_run(&loop_, UV_RUN_NOWAIT);
  }

  // The same, each on its own connection, as many at once as there are clients.
  void serve_connections(uint64_t count) {
    while (count > 0) {
      const uint64_t closed = counters_.http.connections_closed.value();
      const uint64_t sent = counters_.http.bytes_sent.value();
      std::vector<node::FileDescriptor> sockets;
      for (uint32_t client = 0; client < workload_.clients() && count > 0; ++client, --count) {
        sockets.push_back(connect_from(client, port_, next_request(traffic.clients[client])));
      }
      while (counters_.http.connections_closed.value() < closed + sockets.size()) {
        uv_run(&loop_, UV_RUN_NOWAIT);
      }
      traffic.bytes += counters_.http.bytes_sent.value() - sent;
    }
  }

  const Arguments arguments_;
  const node::ClusterClock clock_{86'400};
  node::SwarmStore store_{{.key = {1, 2, 3}}};
  node::WorkerCounters counters_;
  node::Tracker tracker_;
  node::FullScrapes full_scrapes_{store_, clock_, 0};
  const std::atomic<uint64_t> synced_peers_{0};
  node::TopSwarms top_{store_};
  node::OpentrackerPage opentracker_{{}, store_, full_scrapes_, top_, {}, synced_peers_};
  node::HttpTracker handler_{tracker_, clock_, full_scrapes_, opentracker_, counters_};
  bench::Workload workload_;
  uv_loop_t loop_{};
  std::unique_ptr<node::HttpServer> server_;
  uint16_t port_ = 0;
  std::vector<node::FileDescriptor> sockets_;
};

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments{{100'000, 200'000, 1'000'000, 3, 50}};
  if (const int status = parse(argc, argv, arguments)) return status;
  return Bench(arguments).run();
}
