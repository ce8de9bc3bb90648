// UdpServer on real sockets: requests allocate nothing.

#include "node/tracker/udp_server.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "node/config/resolve_options.h"
#include "node/net/socket_address.h"
#include "node/net/sockets.h"
#include "proto/connection_id.h"
#include "proto/udp_tracker.h"
#include "tests/unit/support/allocations.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using common::Endpoint;
using common::Family;
using test::allocations;
using test::hash_of;

namespace {

// More than a batch, so that the server reads in every turn of its loop; the answers fit the client's buffer.
constexpr size_t kAtOnce = 72;
constexpr int kPatienceMs = 5000;

constexpr uint64_t kLargeSwarm = 3;
constexpr uint64_t kRefusedSwarm = 4;

struct Datagram {
  std::array<uint8_t, 1500> bytes;
  size_t size = 0;
};

// Peers by swarm: one alone, some in a block, many in sorted segments.
uint16_t peers_of(uint64_t swarm) { return std::array<uint16_t, 5>{0, 1, 25, 2000, 3}.at(swarm); }

node::TrackerSettings settings(node::RequestLimiter* limiter, node::OffenceWatch* offences) {
  node::Options options;
  options.tracker.interval_s = 1800;
  options.tracker.interval_jitter = 0.1;
  options.tracker.numwant_default = 50;
  options.tracker.numwant_max = 200;
  return node::tracker_settings(options, nullptr, limiter, offences);
}

// A worker with everything an announce passes through: access list, rate limits, the queue to the sync
// channel.
struct Served {
  explicit Served(const Endpoint& address)
      : store({.key = {5}, .replicated = true}), queue([this] { ++wakes; }), limiter({6}) {
    limiter.set(1'000'000, 1'000'000);
    tracker.set_policy(std::make_shared<node::AnnouncePolicy>(rules(), node::default_options().access,
                                                              node::DeniedNetworks()));
    // Somebody else is banned.
    ban({common::Family::v4, {192, 0, 2, 1}, 0}, false);
    REQUIRE(uv_loop_init(&loop) == 0);
    auto socket = node::open_tracker_udp(address, node::PortUse::alone);
    REQUIRE(socket);
    Endpoint asked = node::local_endpoint(socket->get());
    if (common::is_wildcard(asked)) asked = common::make_endpoint_v4(INADDR_LOOPBACK, asked.port);
    server = std::make_unique<node::UdpServer>(&loop, std::move(*socket), *batch, tracker, clock, keys,
                                               stale_ids, counters);
    sockaddr_storage storage;
    const socklen_t size = node::to_sockaddr(asked, storage);
    client = node::FileDescriptor(
        ::socket(asked.family == Family::v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    REQUIRE(connect(client.get(), reinterpret_cast<sockaddr*>(&storage), size) == 0);
    make_id();
  }
  ~Served() {
    server->stop();
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
  }

  void ban(const Endpoint& whom, bool dry) {
    const node::Ban one{node::address_prefix(whom), clock.unix_ms() + 60'000, dry};
    tracker.set_bans(std::make_shared<const node::BanIndex>(std::span(&one, 1), common::SipKey{8}));
  }

  static node::AccessRules rules() {
    node::AccessRules rules;
    rules.mode = node::AccessMode::deny;
    rules.added = std::make_shared<node::AccessList>(std::vector{hash_of(kRefusedSwarm)});
    return rules;
  }

  Datagram announce(uint64_t swarm, uint16_t port, uint64_t connection_id) const {
    proto::AnnounceRequest announce;
    announce.info_hash = hash_of(swarm);
    announce.port = port;
    announce.left = port % 4 == 0 ? 50 : 0;
    announce.numwant = 50;
    Datagram out;
    out.size = proto::write_announce_request(out.bytes, connection_id, port, announce);
    return out;
  }

  // Every peer of every swarm.
  std::vector<Datagram> announces() const {
    std::vector<Datagram> out;
    for (uint64_t swarm = 1; swarm <= kRefusedSwarm; ++swarm) {
      for (uint16_t port = 1; port <= peers_of(swarm); ++port) out.push_back(announce(swarm, port, id));
    }
    return out;
  }

  Datagram scrape(const std::vector<common::InfoHash>& hashes) const {
    Datagram out;
    out.size = proto::write_scrape_request(out.bytes, id, 7, hashes);
    return out;
  }

  // Scrapes of all sizes, connects, announces that are refused or not stored, and requests to drop: four of
  // five are answered.
  std::vector<Datagram> others() const {
    Datagram connect;
    connect.size = proto::write_connect_request(connect.bytes, 8);
    std::vector<Datagram> out;
    std::vector<common::InfoHash> hashes;
    for (uint64_t swarm = 1; swarm <= proto::kUdpScrapeMax; ++swarm) {
      hashes.push_back(hash_of(swarm));
      out.push_back(scrape(hashes));
      out.push_back(connect);
      out.push_back(announce(kRefusedSwarm, 1, id));
      out.push_back(announce(kLargeSwarm, 0, id));
      out.push_back({{1, 2, 3}, 3});
    }
    return out;
  }

  // Sends all in batches and waits until the server has read them; returns the number of answers. Allocates
  // nothing.
  size_t exchange(const std::vector<Datagram>& requests) {
    const auto& received = counters.udp[node::family_index(family())].datagrams_received;
    const uint64_t before = received.value();
    size_t answers = 0;
    for (size_t sent = 0; sent < requests.size();) {
      for (size_t i = 0; i < kAtOnce && sent < requests.size(); ++i, ++sent) {
        send(client.get(), requests[sent].bytes.data(), requests[sent].size, 0);
      }
      uv_update_time(&loop);
      for (const uint64_t start_ms = uv_now(&loop);
           received.value() < before + sent && uv_now(&loop) < start_ms + kPatienceMs;) {
        uv_run(&loop, UV_RUN_NOWAIT);
        answers += take_answers();
      }
    }
    return answers + take_answers();
  }

  size_t take_answers() const {
    std::array<uint8_t, 2048> answer;
    size_t count = 0;
    while (recv(client.get(), answer.data(), answer.size(), 0) > 0) ++count;
    return count;
  }

  Family family() const { return node::local_endpoint(client.get()).family; }

  void make_id() {
    id = proto::make_connection_id(keys[0], node::local_endpoint(client.get()), clock.unix_ms() / 1000);
  }

  void pass_ticks(int ticks) {
    for (int i = 0; i < ticks; ++i) {
      clock.follow(clock.offset_ms() + clock.tick_ms(), 0);
      test::expire_all(store, clock.tick());
    }
    make_id();
  }

  node::ClusterClock clock{86'400};
  node::SwarmStore store;
  int wakes = 0;
  node::DeltaQueue queue;
  node::RequestLimiter limiter;
  node::WorkerCounters counters;
  int offenders = 0;
  node::OffenceWatch offences{{9}, {600, {0, 1000, 100'000, 20, 1000, 20}}, [this] { ++offenders; }};
  node::Tracker tracker{settings(&limiter, &offences), store, &queue, counters.announce, 1};
  const std::vector<common::SipKey> keys{{1}, {2}};
  uv_loop_t loop{};
  const node::UdpBatchPtr batch = node::make_udp_batch();
  node::StaleIdAnswers stale_ids;
  std::unique_ptr<node::UdpServer> server;
  node::FileDescriptor client;
  uint64_t id = 0;
};

}  // namespace

TEST_CASE("allocations are counted, those of C libraries too") {
  const uint64_t before = allocations();
  const auto number = std::make_unique<int>(1);
  CHECK(allocations() == before + 1);
  std::free(std::malloc(100));  // NOLINT
  CHECK(allocations() >= before + 1);
  uv_loop_t loop;
  const uint64_t before_loop = allocations();
  REQUIRE(uv_loop_init(&loop) == 0);
  CHECK(allocations() > before_loop);
  CHECK(uv_loop_close(&loop) == 0);
}

TEST_CASE("udp server: requests of known peers, scrapes, connects and nonsense allocate nothing") {
  const Endpoint v6_loopback = common::parse_endpoint("[::1]:0").value();
  for (const Endpoint& address :
       {common::make_endpoint_v4(INADDR_LOOPBACK, 0), common::make_endpoint_v4(INADDR_ANY, 0), v6_loopback}) {
    CAPTURE(common::to_string(address));
    if (address == v6_loopback && !node::open_tracker_udp(address, node::PortUse::alone))
      continue;  // a machine without IPv6
    Served served(address);
    const auto announces = served.announces();
    const auto others = served.others();
    const size_t answered = others.size() * 4 / 5;
    uint64_t before = allocations();
    CHECK(served.exchange(announces) == announces.size());
    CHECK(allocations() > before);  // the store grows
    CHECK(served.exchange(others) == answered);

    before = allocations();
    const size_t known = served.exchange(announces);
    const size_t rest = served.exchange(others);
    CHECK(allocations() - before == 0);
    CHECK(known == announces.size());
    CHECK(rest == answered);
    const uint64_t stored = announces.size() - peers_of(kRefusedSwarm);
    CHECK(served.counters.announce.deltas.value() == stored);

    // Each record is written again and sent to the cluster.
    served.pass_ticks(25);
    const auto again = served.announces();
    before = allocations();
    const size_t renewed = served.exchange(again);
    CHECK(allocations() - before == 0);
    CHECK(renewed == announces.size());
    CHECK(served.counters.announce.deltas.value() == 2 * stored);
  }
}

TEST_CASE(
    "udp server: requests with foreign connection ids get few errors, none larger than they are, and "
    "allocate nothing") {
  Served served(common::make_endpoint_v4(INADDR_LOOPBACK, 0));
  std::vector<Datagram> requests;
  for (uint16_t i = 1; i <= 100; ++i)
    requests.push_back(served.announce(1, i, served.id ^ uint64_t{1} << 40));
  served.exchange({served.announce(1, 1, served.id)});
  const auto& udp = served.counters.udp[node::family_index(Family::v4)];
  const uint64_t before = allocations();
  const size_t answered = served.exchange(requests);
  CHECK(allocations() - before == 0);
  CHECK(answered >= node::StaleIdAnswers::kPerNetworkPerS);
  CHECK(answered <= 3 * node::StaleIdAnswers::kPerNetworkPerS);  // in up to three seconds
  CHECK(udp.connection_id_errors.value() == answered);
  CHECK(udp.dropped_connection_id.value() == requests.size() - answered);
  CHECK(udp.errors.value() == 0);

  // One that would not have been served is not answered: the error would be larger.
  Datagram cut = requests[0];
  cut.size = proto::kUdpScrapeHeaderSize;
  Datagram scrape = served.scrape({hash_of(1)});
  scrape.bytes[0] ^= 1;
  served.pass_ticks(1);
  CHECK(served.exchange({cut}) == 0);
  CHECK(served.exchange({scrape}) == 1);
}

TEST_CASE("udp server: a banned client gets no answer, one that only would be is counted") {
  Served served(common::make_endpoint_v4(INADDR_LOOPBACK, 0));
  const auto& udp = served.counters.udp[node::family_index(Family::v4)];
  const std::vector<Datagram> requests = {served.announce(1, 1, served.id), served.others()[1],
                                          served.scrape({hash_of(1)})};
  const Endpoint client = node::local_endpoint(served.client.get());
  served.ban(client, true);
  CHECK(served.exchange(requests) == requests.size());
  CHECK(udp.would_ban.value() == requests.size());
  CHECK(udp.dropped_ban.value() == 0);
  served.ban(client, false);
  CHECK(served.exchange(requests) == 0);
  CHECK(udp.dropped_ban.value() == requests.size());
  served.tracker.set_bans(nullptr);
  CHECK(served.exchange(requests) == requests.size());
}

TEST_CASE("udp server: who shows no valid connection id does nothing that counts against an address") {
  Served served(common::make_endpoint_v4(INADDR_LOOPBACK, 0));
  const node::ClientPrefix client = node::address_prefix(node::local_endpoint(served.client.get()));
  const auto requests = [&](uint64_t id) {
    std::vector<Datagram> out;
    for (uint16_t port = 1; port <= 100; ++port) out.push_back(served.announce(1, port, id));
    return out;
  };
  served.exchange(requests(served.id ^ uint64_t{1} << 40));
  CHECK(!served.offences.table().explain(client, 1).known);
  CHECK(served.offenders == 0);
  // The same from an address that is proved: a hundred ports, where twenty are allowed.
  served.exchange(requests(served.id));
  CHECK(served.offences.table().explain(client, 1).known);
  CHECK(served.offenders > 0);
}
