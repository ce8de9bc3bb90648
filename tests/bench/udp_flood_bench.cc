// Floods a UDP tracker on IPv4 with requests from random sources (198.18.0.0/15): announces whose connection
// id is made up, and connects. Writes whole frames to an interface, as fast as one CPU can. Only for a
// network namespace of a bench's own. Prints the number of datagrams per second.

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "common/prng.h"
#include "proto/udp_tracker.h"

namespace {

using namespace shoal;

constexpr size_t kBatch = 64;
constexpr size_t kHeaders = sizeof(ether_header) + sizeof(iphdr) + sizeof(udphdr);
constexpr size_t kConnectBytes = 16;
constexpr size_t kAnnounceBytes = 98;

struct Arguments {
  std::string interface;
  std::string to = "ff:ff:ff:ff:ff:ff";
  std::string host;
  uint16_t port = 6969;
  double seconds = 5;
  uint32_t connects = 50;
  double rate = 0;
  uint64_t seed = 1;
  int cpu = -1;
};

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

uint16_t ip_checksum(const iphdr& header) {
  std::array<uint16_t, sizeof header / 2> words;
  std::memcpy(words.data(), &header, sizeof header);
  uint32_t sum = 0;
  for (const uint16_t word : words) sum += word;
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

class Frame {
 public:
  Frame(const Arguments& arguments, const std::array<uint8_t, 6>& to) {
    ether_header ether{};
    std::memcpy(ether.ether_dhost, to.data(), to.size());
    ether.ether_shost[0] = 2;
    ether.ether_type = htons(ETHERTYPE_IP);
    std::memcpy(bytes_.data(), &ether, sizeof ether);
    ip_.version = 4;
    ip_.ihl = 5;
    ip_.ttl = 60;
    ip_.protocol = IPPROTO_UDP;
    if (inet_pton(AF_INET, arguments.host.c_str(), &ip_.daddr) != 1) die("--host");
    udp_.dest = htons(arguments.port);  // without a checksum, as IPv4 allows
  }

  // Makes it a request of another client; returns its size.
  size_t fill(common::Prng& prng, bool connect) {
    const size_t payload = connect ? kConnectBytes : kAnnounceBytes;
    const uint64_t random = prng.next();
    ip_.tot_len = htons(static_cast<uint16_t>(sizeof ip_ + sizeof udp_ + payload));
    ip_.saddr = htonl(0xc6120000 | (random & 0x1ffff));
    ip_.check = 0;
    ip_.check = ip_checksum(ip_);
    udp_.source = htons(static_cast<uint16_t>(1024 + (random >> 20) % 60'000));
    udp_.len = htons(static_cast<uint16_t>(sizeof udp_ + payload));
    std::memcpy(bytes_.data() + sizeof(ether_header), &ip_, sizeof ip_);
    std::memcpy(bytes_.data() + sizeof(ether_header) + sizeof ip_, &udp_, sizeof udp_);
    uint8_t* at = bytes_.data() + kHeaders;
    if (connect) {
      std::array<uint8_t, kConnectBytes> request;
      proto::write_connect_request(request, static_cast<uint32_t>(random >> 32));
      std::memcpy(at, request.data(), request.size());
    } else {
      const uint64_t id = prng.next();
      const uint32_t action = htonl(1);
      std::memcpy(at, &id, 8);
      std::memcpy(at + 8, &action, 4);
      std::memcpy(at + 16, &random, 8);  // of the info_hash
    }
    return kHeaders + payload;
  }

  uint8_t* data() { return bytes_.data(); }

 private:
  std::array<uint8_t, kHeaders + kAnnounceBytes> bytes_{};
  iphdr ip_{};
  udphdr udp_{};
};

int parse(int argc, char** argv, Arguments& out) {
  CLI::App app("floods a UDP tracker from random sources");
  app.add_option("--interface", out.interface, "interface to write to")->required();
  app.add_option("--to", out.to, "hardware address of the tracker");
  app.add_option("--host", out.host, "IPv4 address of the tracker")->required();
  app.add_option("--port", out.port, "UDP port of the tracker");
  app.add_option("--seconds", out.seconds, "how long");
  app.add_option("--connects", out.connects, "percent of connects; the others are forged announces")
      ->check(CLI::Range(0U, 100U));
  app.add_option("--rate", out.rate, "datagrams per second; 0: as fast as it can");
  app.add_option("--seed", out.seed, "seed of sources and ids");
  app.add_option("--cpu", out.cpu, "CPU to run on");
  CLI11_PARSE(app, argc, argv);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (const int status = parse(argc, argv, arguments)) return status;
  if (arguments.cpu >= 0) bench::pin_to_cpu(arguments.cpu);
  std::array<uint8_t, 6> to{};
  if (std::sscanf(arguments.to.c_str(), "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &to[0], &to[1], &to[2], &to[3],
                  &to[4], &to[5]) != 6)
    die("--to");
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) die("cannot open a packet socket");
  const int on = 1;
  setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
  sockaddr_ll link{};
  link.sll_family = AF_PACKET;
  link.sll_ifindex = static_cast<int>(if_nametoindex(arguments.interface.c_str()));
  link.sll_halen = 6;
  if (link.sll_ifindex == 0) die("--interface");

  std::vector<Frame> frames(kBatch, Frame(arguments, to));
  std::array<iovec, kBatch> slices;
  std::array<mmsghdr, kBatch> messages{};
  for (size_t i = 0; i < kBatch; ++i) {
    messages[i].msg_hdr = {.msg_name = &link,
                           .msg_namelen = sizeof link,
                           .msg_iov = &slices[i],
                           .msg_iovlen = 1,
                           .msg_control = nullptr,
                           .msg_controllen = 0,
                           .msg_flags = 0};
  }
  common::Prng prng(arguments.seed);
  const uint64_t start = bench::monotonic_ns();
  const auto end = start + static_cast<uint64_t>(arguments.seconds * 1e9);
  uint64_t sent = 0;
  for (uint64_t now = start; now < end; now = bench::monotonic_ns()) {
    if (arguments.rate > 0 &&
        static_cast<double>(sent) > arguments.rate * static_cast<double>(now - start) / 1e9) {
      usleep(100);
      continue;
    }
    for (size_t i = 0; i < kBatch; ++i)
      slices[i] = {frames[i].data(), frames[i].fill(prng, prng.next() % 100 < arguments.connects)};
    const int count = sendmmsg(fd, messages.data(), kBatch, 0);
    if (count > 0) sent += static_cast<uint64_t>(count);
    if (count < 0 && errno != ENOBUFS && errno != EAGAIN) die("cannot send");
  }
  const auto seconds = static_cast<double>(bench::monotonic_ns() - start) / 1e9;
  nlohmann::ordered_json result;
  result["datagrams"] = sent;
  result["per_s"] = static_cast<double>(sent) / seconds;
  std::printf("%s\n", result.dump().c_str());
  close(fd);
  return 0;
}
