// The floor under every UDP tracker with sockets: moves datagrams in batches like a tracker, but keeps no
// state. Answers connects, announces and scrapes with as many bytes as a tracker would, announces with
// --peers peers on average. Compare CPU per answer.

#include <netinet/in.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>

#include "bench/measure.h"
#include "common/endpoint.h"
#include "common/prng.h"
#include "node/net/socket_address.h"

namespace {

constexpr size_t kBatch = 64;
constexpr size_t kSlotBytes = 25 * 64;  // an odd number of cache lines: see node/tracker/udp_server.cc
constexpr int kBufferBytes = 4 << 20;

struct Batch {
  std::array<mmsghdr, kBatch> in{};
  std::array<mmsghdr, kBatch> out{};
  std::array<iovec, kBatch> in_slices;
  std::array<iovec, kBatch> out_slices;
  std::array<sockaddr_storage, kBatch> sources;
  std::array<std::array<uint8_t, kSlotBytes>, kBatch> in_bytes;
  std::array<std::array<uint8_t, kSlotBytes>, kBatch> out_bytes{};

  Batch() {
    for (size_t i = 0; i < kBatch; ++i) {
      in_slices[i] = {in_bytes[i].data(), in_bytes[i].size()};
      in[i].msg_hdr.msg_iov = &in_slices[i];
      in[i].msg_hdr.msg_iovlen = 1;
      in[i].msg_hdr.msg_name = &sources[i];
      out[i].msg_hdr.msg_iov = &out_slices[i];
      out[i].msg_hdr.msg_iovlen = 1;
    }
  }
};

// On 127.0.0.1 or ::1.
int open_socket(uint16_t port, bool v6) {
  const int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kBufferBytes, sizeof kBufferBytes);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kBufferBytes, sizeof kBufferBytes);
  using shoal::common::Family;
  shoal::common::Endpoint own = shoal::common::make_endpoint_v4(INADDR_LOOPBACK, port);
  if (v6) own = {Family::v6, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, port};
  sockaddr_storage address{};
  const socklen_t size = shoal::node::to_sockaddr(own, address);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) {
    std::perror("cannot listen");
    return -1;
  }
  return fd;
}

// The size of the answer (action, transaction id, then zeros); 0: none.
size_t answer_size(const uint8_t* request, size_t size, size_t peers, size_t peer_size) {
  if (size < 16) return 0;
  switch (request[11]) {
    case 0:
      return 16;
    case 1:
      return 20 + peer_size * peers;
    case 2:
      return 8 + 12 * ((size - 16) / 20);
    default:
      return 0;
  }
}

void serve(int fd, Batch& batch, double peers, bool v6) {
  const size_t peer_size = v6 ? 18 : 6;
  const socklen_t address_size = v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  shoal::common::Prng prng(1);
  const auto whole = static_cast<size_t>(std::floor(peers));
  const double fraction = peers - std::floor(peers);
  while (true) {
    for (mmsghdr& message : batch.in) message.msg_hdr.msg_namelen = address_size;
    const int count = recvmmsg(fd, batch.in.data(), kBatch, MSG_WAITFORONE, nullptr);
    if (count <= 0) return;
    unsigned answers = 0;
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
      const uint8_t* request = batch.in_bytes[i].data();
      const size_t size =
          answer_size(request, batch.in[i].msg_len, whole + (prng.unit() < fraction ? 1U : 0U), peer_size);
      if (size == 0) continue;
      uint8_t* answer = batch.out_bytes[answers].data();
      std::memcpy(answer, request + 8, 8);
      batch.out_slices[answers] = {answer, size};
      batch.out[answers].msg_hdr.msg_name = &batch.sources[i];
      batch.out[answers].msg_hdr.msg_namelen = address_size;
      ++answers;
    }
    for (unsigned done = 0; done < answers;) {
      const int sent = sendmmsg(fd, &batch.out[done], answers - done, 0);
      done += sent > 0 ? static_cast<unsigned>(sent) : 1;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("answers UDP tracker requests without keeping state");
  uint16_t port = 6969;
  double peers = 20;
  int cpu = -1;
  bool v6 = false;
  app.add_option("--port", port, "on 127.0.0.1, or ::1");
  app.add_flag("--ipv6", v6, "serve IPv6 instead of IPv4");
  app.add_option("--peers", peers, "peers in the mean announce answer")->check(CLI::Range(0.0, 205.0));
  app.add_option("--cpu", cpu, "CPU to run on");
  CLI11_PARSE(app, argc, argv);
  if (cpu >= 0) shoal::bench::pin_to_cpu(cpu);
  if (v6 && peers > 85) {
    std::fprintf(stderr, "--peers: at most 85 of IPv6\n");
    return 1;
  }
  const int fd = open_socket(port, v6);
  if (fd < 0) return 1;
  const auto batch = std::make_unique<Batch>();
  serve(fd, *batch, peers, v6);
  return 0;
}
