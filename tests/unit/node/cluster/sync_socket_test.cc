#include "node/cluster/sync_socket.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "node/net/socket_address.h"
#include "node/os/monotonic.h"

using namespace shoal;

TEST_CASE("sync socket: datagrams that cost much do not hold the loop, and none is lost") {
  uv_loop_t loop;
  REQUIRE(uv_loop_init(&loop) == 0);
  auto socket = node::SyncSocket::open(common::make_endpoint_v4(0x7f000001, 0), {});
  REQUIRE(socket);
  size_t received = 0;
  (*socket)->start(&loop, [&](const sync::Received&) {
    ++received;
    const int64_t end_us = node::monotonic_us() + 1'000;
    while (node::monotonic_us() < end_us) {
    }
  });
  sockaddr_storage to;
  const socklen_t size = node::to_sockaddr((*socket)->local(), to);
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  constexpr size_t kSent = 100;
  const std::array<uint8_t, 100> bytes{};
  for (size_t i = 0; i < kSent; ++i) {
    REQUIRE(sendto(fd, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&to), size) == 100);
  }
  close(fd);
  size_t before = 0;
  for (int turns = 0; received < kSent; ++turns) {
    REQUIRE(turns < 1000);
    uv_run(&loop, UV_RUN_NOWAIT);
    REQUIRE(received - before <= 16);
    before = received;
  }
  (*socket)->stop();
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&loop) == 0);
}
