// Two drivers on loopback, in one loop: messages between web peers, and the web peers of a node that has
// gone.

#include "node/cluster/sync_driver.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include "common/web_address.h"
#include "node/net/sockets.h"
#include "node/os/monotonic.h"
#include "proto/web_relay.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;

namespace {

constexpr uint64_t kFirstRun = uint64_t{1'800'000'000'000} << 16;

struct Node {
  Node(uv_loop_t* loop, const std::string& name, uint64_t run, std::vector<node::HostPort> seeds)
      : hub(run, 1) {
    sync::Config config;
    config.name = name;
    config.cluster = "test";
    config.insecure = true;
    config.incarnation = run;
    auto sockets = node::open_sync_sockets(common::make_endpoint_v4(0x7f000001, 0), {});
    REQUIRE(sockets);
    address = sockets->datagrams->local();
    driver = std::make_unique<node::SyncDriver>(loop, config, std::move(*sockets), std::move(seeds), *store,
                                                clock);
    driver->set_web_hub(&hub);
    hub.inbox(0).set_wake([] {});
  }

  std::vector<node::WebMessage> arrived() {
    std::vector<node::WebMessage> out;
    hub.inbox(0).take(out);
    return out;
  }

  common::Endpoint address;
  std::unique_ptr<node::SwarmStore> store = test::make_store(true);
  node::ClusterClock clock{2700};
  node::WebHub hub;
  std::unique_ptr<node::SyncDriver> driver;
};

struct Pair {
  Pair() {
    REQUIRE(uv_loop_init(&loop) == 0);
    a = std::make_unique<Node>(&loop, "a", kFirstRun, std::vector<node::HostPort>{});
    b = std::make_unique<Node>(&loop, "b", kFirstRun + 1,
                               std::vector<node::HostPort>{{"127.0.0.1", a->address.port}});
    REQUIRE(until([&] { return alive(*a) == 1 && alive(*b) == 1; }));
  }
  ~Pair() {
    if (a_runs) a->driver->stop();
    b->driver->stop();
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
  }

  static ptrdiff_t alive(const Node& node) {
    const auto members = node.driver->status().members;
    return std::count_if(members.begin(), members.end(), [](const sync::MemberStatus& member) {
      return member.state == sync::MemberState::alive;
    });
  }

  bool until(const std::function<bool()>& condition) {
    const int64_t end_us = node::monotonic_us() + 30'000'000;
    while (!condition()) {
      if (node::monotonic_us() > end_us) return false;
      uv_run(&loop, UV_RUN_ONCE);
    }
    return true;
  }

  uv_loop_t loop;
  std::unique_ptr<Node> a;
  std::unique_ptr<Node> b;
  bool a_runs = true;
};

std::vector<uint8_t> message_to(uint64_t connection, const std::string& sdp) {
  proto::WebRelay relay;
  relay.to = connection;
  relay.from = 9;
  relay.signal = proto::WebSignal::offer;
  relay.sdp = sdp;
  return proto::write_web_relay(relay);
}

}  // namespace

TEST_CASE("sync driver: messages of web peers go from hub to hub") {
  Pair nodes;
  for (const size_t size : {size_t{500}, proto::kWebSdpMax}) {
    const auto message = message_to(5, std::string(size, 'x'));
    nodes.a->hub.send(kFirstRun + 1, message);
    std::vector<node::WebMessage> arrived;
    REQUIRE(nodes.until([&] { return !(arrived = nodes.b->arrived()).empty(); }));
    REQUIRE(arrived.size() == 1);
    CHECK(arrived[0].from_run == kFirstRun);
    CHECK(arrived[0].bytes == message);
  }
  // And back; how long both ways take is told, not tested.
  constexpr int kTimes = 200;
  std::vector<int64_t> took_us;
  for (int i = 0; i < kTimes; ++i) {
    const int64_t began_us = node::monotonic_us();
    nodes.a->hub.send(kFirstRun + 1, message_to(5, std::string(1500, 'o')));
    REQUIRE(nodes.until([&] { return !nodes.b->arrived().empty(); }));
    nodes.b->hub.send(kFirstRun, message_to(9, std::string(1500, 'a')));
    REQUIRE(nodes.until([&] { return !nodes.a->arrived().empty(); }));
    took_us.push_back(node::monotonic_us() - began_us);
  }
  std::sort(took_us.begin(), took_us.end());
  MESSAGE("there and back: median " << took_us[kTimes / 2] << " us, of 100 the slowest "
                                    << took_us[kTimes * 99 / 100] << " us");
  CHECK(nodes.a->driver->status().stats.relays_sent == 2 + kTimes);
  // For a run that is nobody's.
  nodes.a->hub.send(kFirstRun + 7, message_to(5, "x"));
  CHECK(nodes.until([&] { return nodes.a->driver->status().stats.relays_unreachable == 1; }));
}

TEST_CASE("sync driver: the web peers of a node that leaves are dropped here") {
  Pair nodes;
  common::Prng prng(1);
  const auto announce = [&](Node& at, uint64_t run, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      test::announce(*at.store, {.hash = i % 50, .peer = common::to_endpoint({run, i}), .want = 0},
                     at.clock.tick(), prng);
    }
  };
  announce(*nodes.b, kFirstRun, 5'000);
  announce(*nodes.b, kFirstRun + 1, 1'000);
  nodes.a->driver->leave();
  REQUIRE(nodes.until([&] { return nodes.a->driver->left_in_order(); }));
  nodes.a->driver->stop();
  nodes.a_runs = false;
  REQUIRE(nodes.until([&] { return nodes.b->store->totals().leechers_web == 1'000; }));
  for (const auto& [key, delta] : test::content(*nodes.b->store)) {
    CHECK(common::from_endpoint(key.second)->run == kFirstRun + 1);
  }
}

TEST_CASE("sync driver: a port for both sockets is found where many are taken for streams") {
  const common::Endpoint any = common::make_endpoint_v4(0x7f000001, 0);
  // One in fifty: the kernel, which knows nothing of them when it chooses a port for datagrams, meets some.
  std::vector<node::FileDescriptor> taken;
  for (int i = 0; i < 600; ++i) {
    auto listener = node::open_tcp(any, node::PortUse::alone);
    REQUIRE(listener);
    taken.push_back(std::move(*listener));
  }
  for (int i = 0; i < 150; ++i) {
    const auto sockets = node::open_sync_sockets(any, {});
    REQUIRE(sockets);
    CHECK(node::local_endpoint(sockets->pulls.get()) == sockets->datagrams->local());
  }
  // A port that was asked for is not exchanged.
  const auto refused = node::open_sync_sockets(node::local_endpoint(taken[0].get()), {});
  REQUIRE(!refused);
  CHECK(refused.error().message.starts_with("sync.listen: "));
}
