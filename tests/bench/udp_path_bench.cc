// Our part of the UDP path, without the kernel: a real UdpServer on a real store, but the two functions below
// replace recvmmsg and sendmmsg: they supply prepared requests and discard the answers. Prints nanoseconds of
// CPU time per answer, less those of the two functions. Under callgrind it counts instructions, without
// noise: tests/bench/instructions_check.

#include <netinet/in.h>
#include <sys/socket.h>
#include <uv.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "bench/path.h"
#include "bench/workload.h"
#include "node/cluster/delta_queue.h"
#include "node/limits/request_limiter.h"
#include "node/net/sockets.h"
#include "node/os/heap_pages.h"
#include "node/store/cluster_clock.h"
#include "node/store/swarm_store.h"
#include "node/tracker/tracker.h"
#include "node/tracker/udp_server.h"
#include "proto/connection_id.h"
#include "proto/udp_tracker.h"

namespace {

using namespace shoal;

struct Request {
  std::array<uint8_t, proto::kUdpAnnounceSize> bytes;
  uint8_t size;
  uint32_t address;  // network order
};

struct Traffic {
  std::vector<Request> requests;
  size_t next = 0;
  uint64_t left = 0;  // requests still to supply
  uint64_t answers = 0;
  uint64_t bytes = 0;
  uint64_t inside_ns = 0;  // time spent in the two functions
  bool timed = true;
};
Traffic traffic;

class Inside {
 public:
  Inside() : start_ns_(traffic.timed ? bench::thread_cpu_ns() : 0) {}
  ~Inside() {
    if (traffic.timed) traffic.inside_ns += bench::thread_cpu_ns() - start_ns_;
  }

 private:
  uint64_t start_ns_;
};

}  // namespace

// These replace libc's in this program.
extern "C" int recvmmsg(int, mmsghdr* messages, unsigned count, int, timespec*) {
  const Inside inside;
  count = static_cast<unsigned>(std::min<uint64_t>(count, traffic.left));
  for (unsigned i = 0; i < count; ++i) {
    const Request& request = traffic.requests[traffic.next];
    if (++traffic.next == traffic.requests.size()) traffic.next = 0;
    std::memcpy(messages[i].msg_hdr.msg_iov->iov_base, request.bytes.data(), request.size);
    messages[i].msg_len = request.size;
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_port = htons(6881);
    source.sin_addr.s_addr = request.address;
    std::memcpy(messages[i].msg_hdr.msg_name, &source, sizeof source);
    messages[i].msg_hdr.msg_namelen = sizeof source;
  }
  traffic.left -= count;
  return count > 0 ? static_cast<int>(count) : -1;
}

extern "C" int sendmmsg(int, mmsghdr* messages, unsigned count, int) {
  const Inside inside;
  for (unsigned i = 0; i < count; ++i) traffic.bytes += messages[i].msg_hdr.msg_iov->iov_len;
  traffic.answers += count;
  return static_cast<int>(count);
}

namespace {

struct Arguments : bench::PathArguments {
  bool connects = false;
  bool replicated = false;
  bool heap_pages = false;
  bool limits = false;
  bool bans = false;
};

int parse(int argc, char** argv, Arguments& out) {
  CLI::App app("runs the UDP path without the kernel");
  bench::add_options(app, out, 100'000'000);
  app.add_flag("--connects", out.connects, "every other request is a connect");
  app.add_flag("--replicated", out.replicated, "the store of a node that syncs");
  app.add_flag("--heap-pages", out.heap_pages, "huge pages for the heap, as a node gets in time");
  app.add_flag("--limits", out.limits,
               "request rates are limited, as by default. Only counted (--rounds 0): timed, it is faster "
               "than any limit");
  app.add_flag("--bans", out.bans, "offences are counted, as by default, and nobody is banned");
  CLI11_PARSE(app, argc, argv);
  if (out.limits && out.rounds > 0) {
    std::fprintf(stderr, "udp_path_bench: --limits needs --rounds 0\n");
    return 1;
  }
  return 0;
}

Request request_of(const bench::WorkloadPeer& peer, uint32_t numwant, const common::SipKey& key,
                   int64_t unix_s) {
  Request request{};
  const uint32_t address = 0x7f010001 + peer.client;
  request.address = htonl(address);
  proto::AnnounceRequest announce;
  announce.info_hash = bench::torrent_hash(peer.torrent);
  announce.port = peer.port;
  announce.left = peer.seeder ? 0 : 50;
  announce.numwant = numwant;
  const uint64_t id = proto::make_connection_id(key, common::make_endpoint_v4(address, 0), unix_s);
  request.size = static_cast<uint8_t>(proto::write_announce_request(request.bytes, id, 7, announce));
  return request;
}

// Every peer once, in scattered order; `connects` puts a connect before each.
std::vector<Request> make_requests(const Arguments& arguments, uint32_t numwant, bool connects,
                                   const common::SipKey& key, int64_t unix_s) {
  const bench::Workload workload(arguments.torrents, arguments.peers);
  std::vector<Request> requests;
  requests.reserve(uint64_t{arguments.peers} * (connects ? 2 : 1));
  for (uint32_t index = 0; index < workload.peers_of_client(0); ++index) {
    for (uint32_t client = 0; client < workload.clients(); ++client) {
      if (index >= workload.peers_of_client(client)) continue;
      requests.push_back(request_of(workload.peer(client, index), numwant, key, unix_s));
      if (!connects) continue;
      Request& connect = requests.emplace_back(requests.back());
      connect.size = static_cast<uint8_t>(proto::write_connect_request(connect.bytes, 9));
    }
  }
  return requests;
}

// Runs the loop until `count` requests are served.
void serve(uv_loop_t& loop, uint64_t count) {
  traffic.left = count;
  while (traffic.left > 0) uv_run(&loop, UV_RUN_NOWAIT);
  uv_run(&loop, UV_RUN_NOWAIT);
}

// Sends a datagram to the server's own socket, where it stays unread, so that epoll finds it readable.
void wake_once(const node::FileDescriptor& socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  sendto(socket.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&address), size);
}

int run(const Arguments& arguments) {
  const common::SipKey key{1, 2, 3};
  const std::vector<common::SipKey> keys{key};
  const node::ClusterClock clock(86'400);
  node::SwarmStore store({.key = key, .replicated = arguments.replicated});
  node::WorkerCounters counters;
  node::RequestLimiter limiter(key);
  limiter.set(node::RateTable::kPerSecondMax, node::RateTable::kPerSecondMax);
  node::TrackerSettings settings = bench::tracker_settings();
  if (arguments.limits) settings.limiter = &limiter;
  // As by default; nobody is banned.
  node::OffenceWatch offences(key, {600, {0, 10'000, 10'000, 200, 1'000, 20}}, [] {});
  if (arguments.bans) settings.udp_offences = &offences;
  node::Tracker tracker(std::move(settings), store, nullptr, counters.announce, 1);
  uv_loop_t loop;
  uv_loop_init(&loop);
  auto socket = node::open_tracker_udp(common::make_endpoint_v4(INADDR_LOOPBACK, 0), node::PortUse::alone);
  if (!socket) {
    std::fprintf(stderr, "%s\n", socket.error().message.c_str());
    return 1;
  }
  wake_once(*socket);
  node::HeapPages heap_pages;
  const auto batch = node::make_udp_batch();
  node::StaleIdAnswers stale_ids;
  node::UdpServer server(&loop, std::move(*socket), *batch, tracker, clock, keys, stale_ids, counters);

  traffic.timed = arguments.rounds > 0;
  traffic.requests = make_requests(arguments, 0, false, key, clock.unix_ms() / 1000);
  serve(loop, traffic.requests.size());
  traffic.requests =
      make_requests(arguments, arguments.numwant, arguments.connects, key, clock.unix_ms() / 1000);
  traffic.next = 0;
  while (arguments.heap_pages && heap_pages.step()) {
  }
  const bool all = bench::run_rounds(arguments, [&loop](uint64_t count) {
    traffic.inside_ns = traffic.answers = traffic.bytes = 0;
    serve(loop, count);
    return bench::Served{traffic.answers, traffic.bytes, traffic.inside_ns};
  });
  server.stop();
  uv_run(&loop, UV_RUN_DEFAULT);
  return all ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments{{1'000'000, 2'000'000, 4'000'000, 3, 30}};
  if (const int status = parse(argc, argv, arguments)) return status;
  return run(arguments);
}
