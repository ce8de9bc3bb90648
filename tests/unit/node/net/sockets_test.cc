#include "node/net/sockets.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>
#include <string>

#include "node/net/port_owner.h"
#include "node/net/socket_address.h"

using namespace shoal;
using namespace shoal::node;

namespace {

constexpr uint32_t kLoopback = 0x7f000001;
constexpr size_t kWorkers = 4;
constexpr size_t kClients = 64;
constexpr int kPatienceMs = 5000;

common::Endpoint at(uint32_t address, uint16_t port = 0) { return common::make_endpoint_v4(address, port); }

const std::string kThisProcess = "(pid " + std::to_string(getpid()) + ")";

// The socket of another program of this user that allows others to share its port.
FileDescriptor foreign(const common::Endpoint& address, Transport transport) {
  const int type = transport == Transport::udp ? SOCK_DGRAM : SOCK_STREAM;
  FileDescriptor socket(::socket(AF_INET, type, 0));
  const int on = 1;
  REQUIRE(setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0);
  REQUIRE(setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
  sockaddr_storage storage;
  const socklen_t size = to_sockaddr(address, storage);
  REQUIRE(bind(socket.get(), reinterpret_cast<sockaddr*>(&storage), size) == 0);
  if (transport == Transport::tcp) REQUIRE(listen(socket.get(), 8) == 0);
  return socket;
}

// A port that is free for both protocols on all addresses.
uint16_t free_port() {
  const auto udp = open_tracker_udp(at(0), PortUse::alone);
  REQUIRE(udp);
  const uint16_t port = local_endpoint(udp->get()).port;
  return open_tcp(at(0, port), PortUse::alone) ? port : free_port();
}

// A client of the address, which has sent something.
FileDescriptor client(const common::Endpoint& server, Transport transport) {
  FileDescriptor socket(::socket(AF_INET, transport == Transport::udp ? SOCK_DGRAM : SOCK_STREAM, 0));
  sockaddr_storage storage;
  const socklen_t size = to_sockaddr(server, storage);
  REQUIRE(connect(socket.get(), reinterpret_cast<sockaddr*>(&storage), size) == 0);
  REQUIRE(send(socket.get(), "x", 1, 0) == 1);
  return socket;
}

bool is_readable(int fd, int wait_ms) {
  pollfd look{fd, POLLIN, 0};
  return poll(&look, 1, wait_ms) == 1;
}

}  // namespace

TEST_CASE("sockets: a tracker's port that another program serves is refused, whoever shares it") {
  for (const Transport transport : {Transport::udp, Transport::tcp}) {
    for (const auto& [theirs, ours] : {std::pair(kLoopback, kLoopback), std::pair(0u, kLoopback),
                                       std::pair(kLoopback, 0u), std::pair(0u, 0u)}) {
      const uint16_t port = free_port();
      const FileDescriptor other = foreign(at(theirs, port), transport);
      const auto opened = open_for_workers({at(ours, port)}, transport, kWorkers);
      REQUIRE(!opened);
      const std::string& message = opened.error().message;
      CAPTURE(message);
      CHECK(message.find("cannot listen on " + common::to_string(at(ours, port))) == 0);
      CHECK(message.find("Address already in use by ") != std::string::npos);
      CHECK(message.ends_with(kThisProcess));
    }
  }
}

TEST_CASE("sockets: the second of two trackers of one user is refused") {
  for (const Transport transport : {Transport::udp, Transport::tcp}) {
    const uint16_t port = free_port();
    const auto first = open_for_workers({at(kLoopback, port)}, transport, kWorkers);
    REQUIRE(first);
    CHECK(!open_for_workers({at(kLoopback, port)}, transport, kWorkers));
    CHECK(!open_for_workers({at(0, port)}, transport, 1));
  }
}

TEST_CASE("sockets: an address and the wildcard address of its port go together") {
  const uint16_t port = free_port();
  for (const Transport transport : {Transport::udp, Transport::tcp}) {
    const auto sockets = open_for_workers({at(kLoopback, port), at(0, port)}, transport, 2);
    if (!sockets) FAIL(sockets.error().message);
    for (const auto& of_worker : *sockets) {
      REQUIRE(of_worker.size() == 2);
      CHECK(local_endpoint(of_worker[0].get()) == at(kLoopback, port));
      CHECK(local_endpoint(of_worker[1].get()) == at(0, port));
    }
  }
}

TEST_CASE("sockets: the kernel spreads clients among all workers, the first included") {
  for (const Transport transport : {Transport::udp, Transport::tcp}) {
    const common::Endpoint address = at(kLoopback, free_port());
    const auto sockets = open_for_workers({address}, transport, kWorkers);
    REQUIRE(sockets);
    std::vector<FileDescriptor> clients;
    for (size_t i = 0; i < kClients; ++i) clients.push_back(client(address, transport));
    size_t served = 0;
    for (const auto& of_worker : *sockets) served += is_readable(of_worker[0].get(), kPatienceMs) ? 1 : 0;
    CHECK(served == kWorkers);
  }
}

TEST_CASE("sockets: connections that have ended do not keep the port") {
  const common::Endpoint address = at(kLoopback, free_port());
  {
    const auto sockets = open_for_workers({address}, Transport::tcp, 1);
    REQUIRE(sockets);
    const FileDescriptor asks = client(address, Transport::tcp);
    const int listener = (*sockets)[0][0].get();
    REQUIRE(is_readable(listener, kPatienceMs));
    // The side that closes first is left in TIME_WAIT.
    const FileDescriptor answers(accept(listener, nullptr, nullptr));
    REQUIRE(answers.is_open());
    shutdown(answers.get(), SHUT_RDWR);
    REQUIRE(is_readable(asks.get(), kPatienceMs));
  }
  CHECK(open_for_workers({address}, Transport::tcp, kWorkers));
}

TEST_CASE("sockets: an address that no interface has is named as such") {
  const auto opened = open_for_workers({at(0xc0000201, 6969)}, Transport::udp, 1);
  REQUIRE(!opened);
  CHECK(
      opened.error().message ==
      "cannot listen on 192.0.2.1:6969 (udp): Cannot assign requested address: no interface of this machine "
      "has it");
}

TEST_CASE("port owner: the process that listens, and nothing where nobody does") {
  const uint16_t port = free_port();
  for (const Transport transport : {Transport::udp, Transport::tcp}) {
    CHECK(port_owner(at(kLoopback, port), transport).empty());
    const FileDescriptor socket = foreign(at(0, port), transport);
    CHECK(port_owner(at(kLoopback, port), transport).ends_with(kThisProcess));
    CHECK(port_owner(at(kLoopback, static_cast<uint16_t>(port ^ 1)), transport).empty());
  }
}

TEST_CASE("port owner: IPv6 sockets, which may serve IPv4 as well") {
  FileDescriptor socket(::socket(AF_INET6, SOCK_DGRAM, 0));
  sockaddr_storage storage;
  const uint16_t port = free_port();
  const auto everywhere = common::parse_endpoint("[::]:" + std::to_string(port)).value();
  const socklen_t size = to_sockaddr(everywhere, storage);
  if (bind(socket.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0) return;  // a machine without IPv6
  CHECK(port_owner(everywhere, Transport::udp).ends_with(kThisProcess));
  CHECK(port_owner(at(kLoopback, port), Transport::udp).ends_with(kThisProcess));
  const auto opened = open_tracker_udp(at(kLoopback, port), PortUse::first);
  REQUIRE(!opened);
  CHECK(opened.error().message.ends_with(kThisProcess));
}
