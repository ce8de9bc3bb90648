#include "node/net/listener.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "node/net/sockets.h"

using namespace shoal;
using namespace shoal::node;

namespace {

struct ListenerFixture {
  uv_loop_t loop{};
  std::vector<FileDescriptor> accepted;
  std::vector<common::Endpoint> from;
  std::vector<int> tried;
  std::unique_ptr<Listener> listener;
  uint16_t port = 0;

  ListenerFixture() {
    REQUIRE(uv_loop_init(&loop) == 0);
    auto socket = open_tcp(common::make_endpoint_v4(0x7f000001, 0), PortUse::alone);
    REQUIRE(socket);
    port = local_endpoint(socket->get()).port;
    listener = std::make_unique<Listener>(
        &loop, std::move(*socket),
        Listener::Hooks{.accepted =
                            [this](FileDescriptor connection, const common::Endpoint& client) {
                              accepted.push_back(std::move(connection));
                              from.push_back(client);
                            },
                        .tried = [this](int error) { tried.push_back(error); }});
  }
  ~ListenerFixture() {
    listener->stop();
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
  }

  FileDescriptor connect() const {
    FileDescriptor client(socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    return client;
  }

  void run_ms(uint64_t ms) {
    uv_update_time(&loop);
    for (const uint64_t start_ms = uv_now(&loop); uv_now(&loop) - start_ms < ms; usleep(500)) {
      uv_run(&loop, UV_RUN_NOWAIT);
    }
  }
};

// Lets this process open no more files until it is gone.
class NoMoreFiles {
 public:
  NoMoreFiles() {
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const FileDescriptor next(dup(0));
    rlimit now = before_;
    now.rlim_cur = static_cast<rlim_t>(next.get());
    REQUIRE(setrlimit(RLIMIT_NOFILE, &now) == 0);
  }
  ~NoMoreFiles() { setrlimit(RLIMIT_NOFILE, &before_); }
  NoMoreFiles(const NoMoreFiles&) = delete;
  NoMoreFiles& operator=(const NoMoreFiles&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("listener: a turn accepts a few of many connections, and says where they come from") {
  ListenerFixture f;
  std::vector<FileDescriptor> clients(3 * Listener::kPerTurn + 1);
  for (FileDescriptor& client : clients) client = f.connect();
  size_t most = 0;
  for (size_t turns = 0; f.accepted.size() < clients.size() && turns < 100; ++turns) {
    const size_t before = f.accepted.size();
    uv_run(&f.loop, UV_RUN_NOWAIT);
    most = std::max(most, f.accepted.size() - before);
  }
  CHECK(f.accepted.size() == clients.size());
  CHECK(most == Listener::kPerTurn);
  for (size_t i = 0; i < clients.size(); ++i) CHECK(f.from[i] == local_endpoint(clients[i].get()));
}

TEST_CASE("listener: while no file may be opened it tries now and then, and then goes on") {
  ListenerFixture f;
  const FileDescriptor client = f.connect();
  constexpr uint64_t kWithoutMs = 5 * Listener::kPauseMs / 2;
  {
    const NoMoreFiles none;
    f.run_ms(kWithoutMs);
    CHECK(f.accepted.empty());
    CHECK(!f.tried.empty());
    CHECK(std::all_of(f.tried.begin(), f.tried.end(), [](int error) { return error == EMFILE; }));
    CHECK(f.tried.size() <= kWithoutMs / Listener::kPauseMs + 1);
  }
  f.run_ms(2 * Listener::kPauseMs);
  CHECK(f.accepted.size() == 1);
  CHECK(f.tried.back() == 0);
}
