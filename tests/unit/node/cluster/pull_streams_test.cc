// PullServer and PullClient against each other and against hostile peers, over real sockets.

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <numeric>

#include "node/cluster/pull_client.h"
#include "node/cluster/pull_server.h"
#include "node/net/socket_address.h"
#include "node/net/sockets.h"
#include "node/os/monotonic.h"

using namespace shoal;
using namespace shoal::node;

namespace {

constexpr uint32_t kHere = 0x7f000001;
constexpr int64_t kPatienceMs = 10'000;

sync::Now now() { return {monotonic_us(), 0}; }

// `size` bytes that count up, in pieces of `piece`, one every `every_us`.
class CountingDonation final : public sync::Donation {
 public:
  CountingDonation(size_t size, size_t piece, int64_t every_us, int& alive)
      : left_(size), piece_(piece), every_us_(every_us), alive_(alive) {
    ++alive_;
  }
  ~CountingDonation() override { --alive_; }

  Next next(sync::Now at, std::vector<uint8_t>& out) override {
    CHECK(at.mono_us >= again_us_);
    for (size_t i = 0; i < piece_ && left_ > 0; ++i, --left_) out.push_back(byte_++);
    again_us_ = at.mono_us + every_us_;
    return {left_ == 0, again_us_};
  }

 private:
  size_t left_;
  const size_t piece_;
  const int64_t every_us_;
  int& alive_;
  int64_t again_us_ = 0;
  uint8_t byte_ = 0;
};

std::vector<uint8_t> request_of(size_t body) {
  std::vector<uint8_t> out(2 + body, 7);
  out[0] = static_cast<uint8_t>(body >> 8);
  out[1] = static_cast<uint8_t>(body);
  return out;
}

// A loop with a server; every whole request is answered by a donation, or refused. Unless a test says
// otherwise the kernel passes on connections that say nothing.
struct Donor {
  explicit Donor(PullServerLimits limits = {.defer_s = 0}) {
    REQUIRE(uv_loop_init(&loop) == 0);
    auto socket = open_tcp(common::make_endpoint_v4(kHere, 0), PortUse::alone);
    REQUIRE(socket);
    address = local_endpoint(socket->get());
    server = std::make_unique<PullServer>(
        &loop, std::move(*socket), limits, now,
        [this](const common::Endpoint& from, common::ByteSpan request) -> std::unique_ptr<sync::Donation> {
          asked.push_back({from, {request.begin(), request.end()}});
          if (refuses) return nullptr;
          return std::make_unique<CountingDonation>(size, piece, every_us, alive);
        });
  }
  ~Donor() {
    server->stop();
    finish();
  }
  void finish() {
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
    CHECK(alive == 0);
  }

  template <class Condition>
  bool run_until(Condition condition) {
    const int64_t end_ms = monotonic_ms() + kPatienceMs;
    while (!condition()) {
      if (monotonic_ms() > end_ms) return false;
      uv_run(&loop, UV_RUN_NOWAIT);
    }
    return true;
  }

  uint64_t dropped() const {
    const PullServerCounters& c = server->counters();
    return c.dropped_room.value() + c.dropped_late.value() + c.dropped_request.value() +
           c.dropped_slow.value() + c.dropped_broken.value();
  }

  uv_loop_t loop;
  common::Endpoint address;
  std::unique_ptr<PullServer> server;
  bool refuses = false;
  size_t size = 1000;
  size_t piece = sync::Donation::kPieceMax;
  int64_t every_us = 0;
  int alive = 0;
  std::vector<std::pair<common::Endpoint, std::vector<uint8_t>>> asked;
};

// A connection on which a test sends what it likes.
struct Stranger {
  explicit Stranger(const Donor& donor, uint32_t source = kHere) : fd(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_storage from, to;
    const socklen_t size = to_sockaddr(common::make_endpoint_v4(source, 0), from);
    REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&from), size) == 0);
    to_sockaddr(donor.address, to);
    REQUIRE(connect(fd, reinterpret_cast<sockaddr*>(&to), size) == 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  ~Stranger() {
    if (fd >= 0) close(fd);
  }
  Stranger(Stranger&& other) noexcept : fd(std::exchange(other.fd, -1)) {}

  void send(const std::vector<uint8_t>& bytes) {
    REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  void reset() {
    const linger hard{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(std::exchange(fd, -1));
  }
  // Reads what is there; true once the other side has closed.
  bool closed() {
    std::array<uint8_t, 65536> buffer;
    for (;;) {
      const ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
      if (n <= 0) return n == 0 || errno != EAGAIN;
      received += static_cast<size_t>(n);
    }
  }

  int fd;
  size_t received = 0;
};

// A client on the donor's loop, and what it was told.
struct Puller {
  explicit Puller(Donor& with, uint32_t source = 0, PullClientLimits limits = {})
      : donor(with),
        client(&donor.loop, common::make_endpoint_v4(source, 6970), limits,
               {.received =
                    [this](uint64_t pull, common::ByteSpan bytes) {
                      received[pull].insert(received[pull].end(), bytes.begin(), bytes.end());
                      if (pull == abort_at_first) client.abort(pull);
                    },
                .closed =
                    [this](uint64_t pull, const std::string& why) {
                      closed.push_back(pull);
                      troubles.push_back(why);
                    }}) {}
  ~Puller() { client.stop(); }

  void start(uint64_t pull, const common::Endpoint& to, size_t body = 60) {
    client.start({pull, to, std::make_shared<std::vector<uint8_t>>(request_of(body))});
  }
  uint64_t dropped() const {
    const PullClientCounters& c = client.counters();
    return c.dropped_connect.value() + c.dropped_idle.value() + c.dropped_broken.value();
  }

  Donor& donor;
  uint64_t abort_at_first = 0;
  std::map<uint64_t, std::vector<uint8_t>> received;
  std::vector<uint64_t> closed;
  std::vector<std::string> troubles;  // of these
  PullClient client;
};

}  // namespace

TEST_CASE("pull streams: the request arrives whole, the answer complete and in order") {
  Donor donor;
  donor.size = 3'000'000;
  Puller puller(donor, 0x7f000005);
  puller.start(1, donor.address, 1200);
  REQUIRE(donor.run_until([&] { return !puller.closed.empty(); }));
  REQUIRE(donor.asked.size() == 1);
  CHECK(donor.asked[0].second == request_of(1200));
  // The puller speaks from the address that the others know it by, not from any other of this machine.
  CHECK(common::to_string(donor.asked[0].first).rfind("127.0.0.5:", 0) == 0);
  CHECK(puller.closed == std::vector<uint64_t>{1});
  REQUIRE(puller.received[1].size() == donor.size);
  bool in_order = true;
  for (size_t i = 0; i < donor.size; ++i)
    in_order = in_order && puller.received[1][i] == static_cast<uint8_t>(i);
  CHECK(in_order);
  CHECK(donor.run_until([&] { return donor.alive == 0; }));
  CHECK(donor.dropped() == 0);
  CHECK(puller.dropped() == 0);
}

TEST_CASE("pull streams: a donation is not called before its time, and several run side by side") {
  Donor donor;
  donor.size = 50'000;
  donor.piece = 5'000;
  donor.every_us = 3'000;  // CountingDonation checks it
  Puller puller(donor);
  for (uint64_t pull = 1; pull <= 3; ++pull) puller.start(pull, donor.address);
  REQUIRE(donor.run_until([&] { return puller.closed.size() == 3; }));
  for (const auto& [pull, bytes] : puller.received) CHECK(bytes.size() == donor.size);
}

TEST_CASE("pull server: half a request is closed after the time limit") {
  Donor donor({.request_ms = 50, .defer_s = 0});
  std::vector<uint8_t> half = request_of(500);
  half.resize(300);
  Stranger silent(donor), slow(donor);
  slow.send(half);
  REQUIRE(donor.run_until([&] { return silent.closed() && slow.closed(); }));
  CHECK(donor.server->counters().dropped_late.value() == 2);
  CHECK(donor.asked.empty());
}

TEST_CASE("pull server: an invalid request is closed at once, and so is more data after a request") {
  Donor donor;
  donor.size = 1'000'000'000;
  Stranger http(donor), empty(donor), huge(donor);
  const std::string get = "GET / HTTP/1.1\r\n\r\n";
  http.send({get.begin(), get.end()});
  empty.send({0, 0});
  huge.send(request_of(1201));
  REQUIRE(donor.run_until([&] { return http.closed() && empty.closed() && huge.closed(); }));
  CHECK(donor.server->counters().dropped_request.value() == 3);
  CHECK(donor.asked.empty());

  Stranger talkative(donor), in_pieces(donor);
  for (const uint8_t byte : request_of(100)) in_pieces.send({byte});
  talkative.send(request_of(100));
  REQUIRE(donor.run_until([&] { return donor.asked.size() == 2; }));
  CHECK(donor.alive == 2);
  talkative.send({1});
  REQUIRE(donor.run_until([&] { return talkative.closed(); }));
  CHECK(donor.server->counters().dropped_request.value() == 4);
  CHECK(donor.alive == 1);
}

TEST_CASE("pull server: a refused request gets no byte") {
  Donor donor;
  donor.refuses = true;
  Stranger stranger(donor);
  stranger.send(request_of(100));
  REQUIRE(donor.run_until([&] { return stranger.closed(); }));
  CHECK(stranger.received == 0);
  CHECK(donor.server->counters().dropped_request.value() == 1);
}

TEST_CASE("pull server: silent connections make room for newer ones, first those that share an address") {
  Donor donor;
  std::vector<Stranger> crowd;
  for (int i = 0; i < 30; ++i) crowd.emplace_back(donor);
  REQUIRE(donor.run_until([&] { return donor.server->counters().connections.value() == 30; }));
  CHECK(donor.server->counters().dropped_room.value() == 26);
  for (uint32_t i = 1; i <= 12; ++i) crowd.emplace_back(donor, kHere + i);
  REQUIRE(donor.run_until([&] { return donor.server->counters().connections.value() == 42; }));
  CHECK(donor.server->counters().dropped_room.value() == 26);
  crowd.emplace_back(donor, kHere + 13);
  REQUIRE(donor.run_until([&] { return crowd[26].closed(); }));
  CHECK(donor.server->counters().dropped_room.value() == 27);
  CHECK(!crowd[27].closed());
  // Connections with a request do not count, and an honest client is served all the while.
  donor.size = 100'000'000;
  crowd.back().send(request_of(60));
  REQUIRE(donor.run_until([&] { return donor.alive == 1; }));
  for (int i = 0; i < 30; ++i) crowd.emplace_back(donor);
  donor.size = 1000;
  Puller puller(donor, kHere + 100);
  puller.start(1, donor.address);
  REQUIRE(donor.run_until([&] { return !puller.closed.empty(); }));
  CHECK(puller.received[1].size() == 1000);
  CHECK(!crowd[42].closed());
}

TEST_CASE("pull server: a request that has arrived is judged before newer connections make room") {
  Donor donor;
  Stranger honest(donor, kHere + 100);
  honest.send(request_of(60));
  std::vector<Stranger> crowd;
  for (uint32_t i = 0; i < 20; ++i) crowd.emplace_back(donor, kHere + 1 + i / 4);
  REQUIRE(donor.run_until([&] { return honest.closed(); }));
  CHECK(honest.received == donor.size);
  REQUIRE(donor.run_until([&] { return donor.server->counters().connections.value() == 21; }));
  CHECK(donor.server->counters().dropped_room.value() == 4);
}

TEST_CASE("pull server: so many connections are accepted in one turn, and all in the end") {
  Donor donor;
  std::vector<Stranger> crowd;
  for (uint32_t i = 0; i < 60; ++i) crowd.emplace_back(donor, kHere + i);
  uint64_t before = 0;
  size_t turns = 0;
  while (before < crowd.size()) {
    REQUIRE(++turns < 10'000'000);
    uv_run(&donor.loop, UV_RUN_NOWAIT);
    const uint64_t connections = donor.server->counters().connections.value();
    REQUIRE(connections - before <= node::Listener::kPerTurn);
    before = connections;
  }
  CHECK(turns >= 4);
  // And the next ones too.
  for (int round = 0; round < 3; ++round) {
    Puller puller(donor, kHere + 100);
    puller.start(1, donor.address);
    REQUIRE(donor.run_until([&] { return !puller.closed.empty(); }));
    CHECK(puller.received[1].size() == donor.size);
  }
}

TEST_CASE("pull server: connections that say nothing stay with the kernel") {
  Donor donor(PullServerLimits{});
  std::vector<Stranger> crowd;
  for (uint32_t i = 0; i < 20; ++i) crowd.emplace_back(donor, kHere + 1 + i);
  Puller puller(donor, kHere + 100);
  puller.start(1, donor.address);
  REQUIRE(donor.run_until([&] { return !puller.closed.empty(); }));
  CHECK(puller.received[1].size() == donor.size);
  CHECK(donor.server->counters().connections.value() == 1);
}

TEST_CASE("pull server: strangers are reset, so that the kernel keeps nothing of them") {
  Donor donor;
  Stranger http(donor);
  http.send(std::vector<uint8_t>(100, 'x'));
  const auto reset = [&] {
    std::array<uint8_t, 100> buffer;
    return recv(http.fd, buffer.data(), buffer.size(), 0) < 0 && errno == ECONNRESET;
  };
  CHECK(donor.run_until(reset));
  // A puller takes that for a refusal.
  donor.refuses = true;
  Puller puller(donor);
  puller.start(1, donor.address);
  REQUIRE(donor.run_until([&] { return !puller.closed.empty(); }));
  CHECK(puller.dropped() == 0);
}

TEST_CASE("pull client: reads so much in one turn, however much there is") {
  Donor donor;
  donor.size = 4'000'000;
  Puller puller(donor);
  puller.start(1, donor.address);
  size_t before = 0;
  while (puller.closed.empty()) {
    uv_run(&donor.loop, UV_RUN_NOWAIT);
    const size_t received = puller.received[1].size();
    REQUIRE(received - before <= 16 << 10);
    before = received;
  }
  CHECK(before == donor.size);
}

TEST_CASE("pull server: a client that does not read is closed, and at most one piece waits for it") {
  Donor donor({.piece_ms = 100});
  donor.size = 1'000'000'000;
  Stranger stranger(donor);
  stranger.send(request_of(100));
  REQUIRE(donor.run_until([&] { return donor.server->counters().dropped_slow.value() == 1; }));
  CHECK(donor.alive == 0);
  // What the kernel had taken can still be read.
  stranger.closed();
  CHECK(stranger.received < 100'000'000);
}

TEST_CASE("pull server: a reset ends the donation") {
  Donor donor;
  donor.size = 1'000'000'000;
  Stranger early(donor), late(donor), gone(donor);
  late.send(request_of(100));
  gone.send(request_of(100));
  REQUIRE(donor.run_until([&] { return donor.alive == 2; }));
  early.reset();
  late.reset();
  shutdown(gone.fd, SHUT_WR);
  REQUIRE(donor.run_until([&] { return donor.dropped() == 3; }));
  for (int i = 0; i < 10; ++i) uv_run(&donor.loop, UV_RUN_NOWAIT);
  CHECK(donor.alive == 0);
  CHECK(donor.server->counters().dropped_broken.value() == 3);
}

TEST_CASE("pull client: no server, or a silent one") {
  Donor donor;
  Puller puller(donor, 0, {.idle_ms = 50});
  puller.start(1, common::make_endpoint_v4(kHere, 1));
  CHECK(puller.closed.empty());  // never inside the call
  REQUIRE(donor.run_until([&] { return puller.closed == std::vector<uint64_t>{1}; }));
  CHECK(puller.client.counters().dropped_connect.value() == 1);
  CHECK(puller.troubles.back() == "connection refused");

  auto silent = open_tcp(common::make_endpoint_v4(kHere, 0), PortUse::alone);
  puller.start(2, local_endpoint(silent->get()));  // the kernel accepts, nobody reads
  REQUIRE(donor.run_until([&] { return puller.closed.size() == 2; }));
  CHECK(puller.client.counters().dropped_idle.value() == 1);
  CHECK(puller.troubles.back().empty());  // it was connected
}

TEST_CASE("pull client: too many pulls at once, and aborted ones") {
  Donor donor;
  donor.size = 1'000'000'000;
  Puller puller(donor, 0, {.pulls_max = 2});
  puller.abort_at_first = 1;
  puller.start(1, donor.address);
  puller.start(2, donor.address);
  puller.start(3, donor.address);
  CHECK(puller.closed.empty());
  REQUIRE(donor.run_until([&] { return puller.closed == std::vector<uint64_t>{3}; }));
  puller.client.abort(2);
  puller.client.abort(99);
  REQUIRE(donor.run_until([&] { return donor.server->counters().dropped_broken.value() == 2; }));
  CHECK(!puller.received[1].empty());
  CHECK(puller.closed.size() == 1);
}

TEST_CASE("pull client: a reset ends a pull and is counted") {
  Donor donor({.piece_ms = 1});
  donor.size = 1'000'000'000;
  donor.every_us = 1'000'000;
  Puller puller(donor);
  puller.start(1, donor.address);
  REQUIRE(donor.run_until([&] { return donor.alive == 1 && !puller.received[1].empty(); }));
  donor.server->stop();
  REQUIRE(donor.run_until([&] { return !puller.closed.empty(); }));
  CHECK(donor.alive == 0);
  uv_run(&donor.loop, UV_RUN_NOWAIT);
  auto listener = open_tcp(common::make_endpoint_v4(kHere, 0), PortUse::alone);
  REQUIRE(listener);
  donor.server =
      std::make_unique<PullServer>(&donor.loop, std::move(*listener), PullServerLimits(), now, nullptr);
}
