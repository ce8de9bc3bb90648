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
#include "common/prng.h"

namespace {

constexpr size_t kBatch = 64;
constexpr size_t kSlotBytes = 25 * 64;  // an odd number of cache lines: see node/tracker/udp_server.cc
constexpr int kBufferBytes = 4 << 20;

struct Batch {
  std::array<mmsghdr, kBatch> in{};
  std::array<mmsghdr, kBatch> out{};
  std::array<iovec, kBatch> in_slices;
  std::array<iovec, kBatch> out_slices;
  std::array<sockaddr_in, kBatch> sources;
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

int open_socket(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kBufferBytes, sizeof kBufferBytes);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kBufferBytes, sizeof kBufferBytes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    std::perror("cannot listen");
    return -1;
  }
  return fd;
}

// The size of the answer (action, transaction id, then zeros); 0: none.
size_t answer_size(const uint8_t* request, size_t size, size_t peers) {
  if (size < 16) return 0;
  switch (request[11]) {
    case 0:
      return 16;
    case 1:
      return 20 + 6 * peers;
    case 2:
      return 8 + 12 * ((size - 16) / 20);
    default:
      return 0;
  }
}

void serve(int fd, Batch& batch, double peers) {
  shoal::common::Prng prng(1);
  const auto whole = static_cast<size_t>(std::floor(peers));
  const double fraction = peers - std::floor(peers);
  while (true) {
    for (mmsghdr& message : batch.in) message.msg_hdr.msg_namelen = sizeof(sockaddr_in);
    const int count = recvmmsg(fd, batch.in.data(), kBatch, MSG_WAITFORONE, nullptr);
    if (count <= 0) return;
    unsigned answers = 0;
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
      const uint8_t* request = batch.in_bytes[i].data();
      const size_t size =
          answer_size(request, batch.in[i].msg_len, whole + (prng.unit() < fraction ? 1U : 0U));
      if (size == 0) continue;
      uint8_t* answer = batch.out_bytes[answers].data();
      std::memcpy(answer, request + 8, 8);
      batch.out_slices[answers] = {answer, size};
      batch.out[answers].msg_hdr.msg_name = &batch.sources[i];
      batch.out[answers].msg_hdr.msg_namelen = sizeof(sockaddr_in);
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
  app.add_option("--port", port, "on 127.0.0.1");
  app.add_option("--peers", peers, "peers in the mean announce answer")->check(CLI::Range(0.0, 205.0));
  app.add_option("--cpu", cpu, "CPU to run on");
  CLI11_PARSE(app, argc, argv);
  if (cpu >= 0) shoal::bench::pin_to_cpu(cpu);
  const int fd = open_socket(port);
  if (fd < 0) return 1;
  const auto batch = std::make_unique<Batch>();
  serve(fd, *batch, peers);
  return 0;
}
