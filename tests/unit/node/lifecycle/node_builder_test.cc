#include "node/lifecycle/node_builder.h"

#include <doctest/doctest.h>

#include "node/config/resolve_options.h"
#include "node/net/sockets.h"

using namespace shoal;
using namespace shoal::node;

namespace {

common::Endpoint loopback(uint16_t port) { return common::make_endpoint_v4(0x7f000001, port); }

Options small_node() {
  Options options;
  options.node.workers = 2;
  options.tracker.peer_timeout_s = 2700;
  options.tracker.udp = {loopback(0)};
  options.tracker.http = {loopback(0), loopback(0)};
  return options;
}

}  // namespace

TEST_CASE("node builder: every worker has a socket per address, the others only what is configured") {
  const auto parts = build_parts(small_node());
  REQUIRE(parts);
  REQUIRE(parts->udp.size() == 2);
  REQUIRE(parts->http.size() == 2);
  for (const auto& of_worker : parts->udp) {
    REQUIRE(of_worker.size() == 1);
    CHECK(local_endpoint(of_worker[0].get()).port != 0);
  }
  for (const auto& of_worker : parts->http) CHECK(of_worker.size() == 2);
  CHECK(!parts->admin.is_open());
  CHECK(parts->sync.datagrams == nullptr);
  CHECK(parts->admin_token.empty());
  CHECK(parts->keys.cluster.empty());
  CHECK(parts->keys.connection.size() == 1);
}

TEST_CASE("node builder: sync has both its sockets at one port") {
  Options options = small_node();
  options.sync.listen = loopback(0);
  options.sync.insecure = true;
  options.admin.listen = loopback(0);
  const auto parts = build_parts(options);
  REQUIRE(parts);
  CHECK(parts->admin.is_open());
  REQUIRE(parts->sync.datagrams != nullptr);
  CHECK(local_endpoint(parts->sync.pulls.get()) == parts->sync.datagrams->local());
}

TEST_CASE("node builder: what cannot be opened or read is an error that names it") {
  const auto taken = open_tcp(loopback(0), PortUse::alone);
  REQUIRE(taken);
  const auto error_of = [](const Options& options) {
    const auto parts = build_parts(options);
    return parts ? std::string() : parts.error().message;
  };
  Options options = small_node();
  options.admin.listen = local_endpoint(taken->get());
  CHECK(error_of(options).starts_with("admin.listen: cannot listen on 127.0.0.1:"));
  options = small_node();
  options.tracker.http = {local_endpoint(taken->get())};
  CHECK(error_of(options).starts_with("tracker.http: cannot listen on 127.0.0.1:"));
  options = small_node();
  options.sync.key_files = {"/nonexistent/key"};
  CHECK(error_of(options).starts_with("sync.key_files: "));
  options = small_node();
  options.admin.token_file = "/nonexistent/token";
  CHECK(error_of(options).starts_with("admin.token_file: "));
  options = small_node();
  options.node.snapshot = "/nonexistent/snapshot";
  CHECK(error_of(options).starts_with("node.snapshot: "));
  options = small_node();
  options.admin.export_file = "/nonexistent/export";
  CHECK(error_of(options).starts_with("admin.export_file: "));
  options = small_node();
  options.access.mode = AccessMode::allow;
  options.access.file = "/nonexistent/list";
  CHECK(error_of(options).starts_with("access.file: "));
}

TEST_CASE("node builder: as many workers as asked for, or as CPUs") {
  CHECK(worker_count(small_node()) == 2);
  Options options = small_node();
  options.node.workers = 0;
  CHECK(worker_count(options) >= 1);
  CHECK(make_counters(3).size() == 3);
}

TEST_CASE("node builder: what waits for HTTP clients is bounded for all workers together") {
  CHECK(http_waiting_bytes_max(1) == 32 << 20);
  CHECK(http_waiting_bytes_max(4) == 8 << 20);
  CHECK(http_waiting_bytes_max(256) == 2 << 20);
}

TEST_CASE("node builder: defaults skip an address family that the kernel lacks") {
  const auto no_v6 = [](common::Family family) { return family == common::Family::v4; };
  const auto neither = [](common::Family) { return false; };
  const Options defaults = default_options();
  REQUIRE(defaults.tracker.udp.size() == 2);

  Options options = defaults;
  CHECK(skip_missing_families(options, no_v6) == std::vector{defaults.tracker.udp[1]});
  CHECK(options.tracker.udp == std::vector{defaults.tracker.udp[0]});
  CHECK(options.tracker.http == std::vector{defaults.tracker.http[0]});

  // What was asked for stays, and fails where it is opened.
  options = defaults;
  options.tracker.udp = {defaults.tracker.udp[1]};
  const Options asked = options;
  skip_missing_families(options, no_v6);
  CHECK(options.tracker.udp == asked.tracker.udp);
  CHECK(options.tracker.http.size() == 1);

  options = defaults;
  CHECK(skip_missing_families(options, neither).empty());
  CHECK(options == defaults);
}

TEST_CASE("node builder: it writes only where its options say") {
  Options options = small_node();
  CHECK(confine_settings(options).written_folders.empty());
  options.node.snapshot = "/var/lib/shoal/peers";
  options.access.state_file = "state";
  options.admin.export_file = "/srv/www/swarms.gz";
  CHECK(confine_settings(options).written_folders ==
        std::vector<std::string>{"/var/lib/shoal", "/srv/www", "."});
}

TEST_CASE("node builder: the cluster gets the options it runs by") {
  Options options = small_node();
  options.node.name = "n1";
  options.node.snapshot = "/tmp/snapshot";
  options.sync.cluster = "c";
  options.sync.peers = {{"n2", 6970}};
  options.sync.pace_mbit_s = 8;
  options.sync.donate_mbit_s = 0;
  NodeKeys keys;
  keys.cluster.emplace_back();
  constexpr int64_t kStartedMs = 1'700'000'000'000;
  const sync::Config config = sync_config(options, keys, make_incarnation(kStartedMs));
  CHECK(config.name == "n1");
  CHECK(config.cluster == "c");
  CHECK((config.incarnation >> 16) == uint64_t{kStartedMs});
  CHECK(config.keys.size() == 1);
  CHECK(config.peers_named);
  CHECK(config.snapshot);
  CHECK(config.pace_bytes_per_s == 1'000'000);
  CHECK(config.donate_bytes_per_s == 0);
  CHECK(config.peer_timeout_s == 2700);
}
