#include "node/running_node.h"

#include <sodium/core.h>
#include <sodium/randombytes.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string>
#include <utility>

#include "common/check.h"
#include "common/log.h"
#include "node/key_file.h"
#include "node/privileges.h"
#include "node/version.h"
#include "sync/keys.h"

namespace shoal::node {

using common::log_line;
using common::LogLevel;
using common::Result;

namespace {

// HTTP connections of all workers together, and what is left of the open files for everything else.
constexpr size_t kHttpConnectionsMax = 8192;
constexpr size_t kOtherFiles = 256;
constexpr size_t kAdminConnectionsMax = 128;

// A node that hears from nobody serves alone after this long.
constexpr int64_t kLoneNodeReadyMs = 3'000;

// How often a slice of the shards is swept for peers whose time is over.
constexpr int64_t kExpirySlicesPerTick = 32;

size_t worker_count(const Options& options) {
  if (options.node.workers > 0) return options.node.workers;
  const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  return cpus > 0 ? static_cast<size_t>(cpus) : 1;
}

size_t http_connections_max(size_t workers) {
  const size_t files = raise_open_files();
  const size_t usable = files > 2 * kOtherFiles ? files - kOtherFiles : files / 2;
  return std::max<size_t>(1, std::min(kHttpConnectionsMax, usable) / workers);
}

uint64_t random_u64() {
  uint64_t value;
  randombytes_buf(&value, sizeof value);
  return value;
}

common::SipKey random_key() {
  common::SipKey key;
  randombytes_buf(key.data(), key.size());
  return key;
}

}  // namespace

struct RunningNode::Keys {
  std::vector<sync::ClusterKey> cluster;
  common::SipKey store;
  std::vector<common::SipKey> connection;
};

struct RunningNode::Sockets {
  std::vector<std::vector<Socket>> udp;   // [worker][address]
  std::vector<std::vector<Socket>> http;  // [worker][address]
  Socket admin;
  std::unique_ptr<SyncSocket> sync;
};

Result<std::unique_ptr<RunningNode>> RunningNode::start(const Options& options) {
  CHECK_INVARIANT(sodium_init() >= 0);
  std::signal(SIGPIPE, SIG_IGN);
  auto keys = load_keys(options);
  if (!keys) return tl::make_unexpected(keys.error());
  auto sockets = open_sockets(options, worker_count(options));
  if (!sockets) return tl::make_unexpected(sockets.error());
  if (auto dropped = drop_privileges(options.node.user, options.node.chroot); !dropped) {
    return tl::make_unexpected(dropped.error());
  }
  return std::unique_ptr<RunningNode>(new RunningNode(options, *keys, std::move(*sockets)));
}

Result<RunningNode::Keys> RunningNode::load_keys(const Options& options) {
  Keys keys;
  const std::string& cluster = options.sync.cluster;
  for (const std::string& path : options.sync.key_files) {
    auto key = load_key_file(path);
    if (!key) return common::fail("sync.key_files: " + key.error().message);
    keys.cluster.push_back(*key);
  }
  if (options.sync.insecure) keys.cluster.push_back(sync::insecure_key(cluster));
  if (keys.cluster.empty()) {
    // A node on its own: nobody else needs to know its keys.
    keys.store = random_key();
    keys.connection.push_back(random_key());
    return keys;
  }
  keys.store = sync::derive_store_key(keys.cluster.front(), cluster);
  for (const sync::ClusterKey& key : keys.cluster) {
    keys.connection.push_back(sync::derive_connection_id_key(key, cluster));
  }
  return keys;
}

Result<RunningNode::Sockets> RunningNode::open_sockets(const Options& options, size_t workers) {
  Sockets opened;
  opened.udp.resize(workers);
  opened.http.resize(workers);
  for (size_t i = 0; i < workers; ++i) {
    for (const common::Endpoint& address : options.tracker.udp) {
      auto socket = open_tracker_udp(address);
      if (!socket) return tl::make_unexpected(socket.error());
      opened.udp[i].push_back(std::move(*socket));
    }
    for (const common::Endpoint& address : options.tracker.http) {
      auto socket = open_http(address, true);
      if (!socket) return tl::make_unexpected(socket.error());
      opened.http[i].push_back(std::move(*socket));
    }
  }
  if (options.admin.listen) {
    auto socket = open_http(*options.admin.listen, false);
    if (!socket) return tl::make_unexpected(socket.error());
    opened.admin = std::move(*socket);
  }
  if (options.sync.listen) {
    auto socket = SyncSocket::open(*options.sync.listen, options.sync.multicast);
    if (!socket) return tl::make_unexpected(socket.error());
    opened.sync = std::move(*socket);
  }
  return opened;
}

RunningNode::RunningNode(const Options& options, const Keys& keys, Sockets sockets)
    : options_(options),
      started_unix_ms_(ClusterClock(options.tracker.peer_timeout_s).unix_ms()),
      started_mono_ms_(uv_hrtime() / 1'000'000),
      clock_(options.tracker.peer_timeout_s),
      store_({.key = keys.store, .replicated = sockets.sync != nullptr}),
      worker_context_{.store = store_,
                      .clock = clock_,
                      .tracker = {.interval_s = options.tracker.interval_s,
                                  .interval_jitter = options.tracker.interval_jitter,
                                  .numwant_default = options.tracker.numwant_default,
                                  .numwant_max = options.tracker.numwant_max},
                      .http_limits = {.connections_max = http_connections_max(sockets.udp.size())},
                      .connection_keys = keys.connection},
      admin_([this] { return state(); }) {
  CHECK_INVARIANT(uv_loop_init(&loop_) == 0);
  if (sockets.sync) {
    sync::Config config;
    config.name = options.node.name;
    config.incarnation = static_cast<uint64_t>(started_unix_ms_) << 16 | (random_u64() & 0xffff);
    config.cluster = options.sync.cluster;
    config.keys = keys.cluster;
    config.insecure = options.sync.insecure;
    config.advertise = options.sync.advertise;
    config.multicast_groups = options.sync.multicast.size();
    config.peer_timeout_s = options.tracker.peer_timeout_s;
    sync_ = std::make_unique<SyncDriver>(&loop_, std::move(config), std::move(sockets.sync),
                                         options.sync.peers, store_, clock_);
  }
  start_workers(std::move(sockets.udp), std::move(sockets.http));
  if (options.admin.listen) {
    admin_server_ = std::make_unique<HttpServer>(&loop_, HttpLimits{.connections_max = kAdminConnectionsMax},
                                                 admin_, admin_counters_);
    admin_server_->listen(std::move(sockets.admin));
  }
  start_timers();
}

RunningNode::~RunningNode() {
  workers_.clear();
  CHECK_INVARIANT(uv_loop_close(&loop_) == 0);
}

void RunningNode::start_workers(std::vector<std::vector<Socket>> udp, std::vector<std::vector<Socket>> http) {
  for (size_t i = 0; i < udp.size(); ++i) {
    std::unique_ptr<DeltaQueue> queue;
    if (sync_) {
      queue = std::make_unique<DeltaQueue>(sync_->waker());
      sync_->add_queue(queue.get());
    }
    workers_.push_back(std::make_unique<Worker>(worker_context_, std::move(queue), std::move(udp[i]),
                                                std::move(http[i]), random_u64()));
  }
}

void RunningNode::start_timers() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    auto handle = std::make_unique<uv_signal_t>();
    CHECK_INVARIANT(uv_signal_init(&loop_, handle.get()) == 0);
    handle->data = this;
    CHECK_INVARIANT(uv_signal_start(
                        handle.get(),
                        [](uv_signal_t* signal, int signum) {
                          static_cast<RunningNode*>(signal->data)->on_signal(signum);
                        },
                        number) == 0);
    signals_.push_back(std::move(handle));
  }
  CHECK_INVARIANT(uv_timer_init(&loop_, &expiry_timer_) == 0);
  expiry_timer_.data = this;
  const auto period_ms = static_cast<uint64_t>(std::max<int64_t>(1, clock_.tick_ms() / kExpirySlicesPerTick));
  CHECK_INVARIANT(uv_timer_start(
                      &expiry_timer_,
                      [](uv_timer_t* timer) { static_cast<RunningNode*>(timer->data)->expire(); }, period_ms,
                      period_ms) == 0);
}

void RunningNode::expire() {
  const common::Tick now = clock_.tick();
  for (size_t i = 0; i < SwarmStore::kShards / kExpirySlicesPerTick; ++i) {
    store_.expire_shard(expiry_shard_, now);
    expiry_shard_ = (expiry_shard_ + 1) % SwarmStore::kShards;
  }
}

void RunningNode::on_signal(int signal) {
  if (signal == SIGHUP) {
    log_line(LogLevel::warn, "SIGHUP ignored: this version has nothing to reload");
    return;
  }
  if (stopping_) {
    log_line(LogLevel::warn, "second signal: exiting at once");
    std::_Exit(1);
  }
  stop();
}

void RunningNode::stop() {
  stopping_ = true;
  log_line(LogLevel::info, "stopping");
  for (const auto& worker : workers_) worker->stop();
  if (sync_) {
    sync_->leave();
    sync_->stop();
  }
  if (admin_server_) admin_server_->stop();
  for (const auto& signal : signals_) uv_close(reinterpret_cast<uv_handle_t*>(signal.get()), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&expiry_timer_), nullptr);
}

void RunningNode::run() {
  log_line(LogLevel::info, "node started",
           {{"name", options_.node.name},
            {"version", version()},
            {"workers", std::to_string(workers_.size())},
            {"sync", sync_ ? common::to_string(*options_.sync.listen) : "off"},
            {"admin", options_.admin.listen ? common::to_string(*options_.admin.listen) : "off"}});
  for (const common::Endpoint& address : options_.tracker.udp) {
    log_line(LogLevel::info, "serving", {{"url", "udp://" + common::to_string(address) + "/announce"}});
  }
  for (const common::Endpoint& address : options_.tracker.http) {
    log_line(LogLevel::info, "serving", {{"url", "http://" + common::to_string(address) + "/announce"}});
  }
  if (options_.sync.insecure) {
    log_line(LogLevel::warn, "sync.insecure: anyone who reaches the sync port can add and remove peers");
  }
  uv_run(&loop_, UV_RUN_DEFAULT);
  log_line(LogLevel::info, "stopped");
}

Readiness RunningNode::readiness(const std::optional<sync::Status>& sync) const {
  if (stopping_) return {false, "stopping"};
  if (!sync) return {true, ""};
  const bool alone = options_.sync.peers.empty() && options_.sync.multicast.empty();
  const bool accompanied = std::any_of(sync->members.begin(), sync->members.end(), [](const auto& member) {
    return member.state == sync::MemberState::alive;
  });
  const int64_t uptime_ms = static_cast<int64_t>(uv_hrtime() / 1'000'000 - started_mono_ms_);
  if (alone || accompanied || uptime_ms >= kLoneNodeReadyMs) return {true, ""};
  return {false, "no other member heard yet"};
}

NodeState RunningNode::state() const {
  NodeState state;
  state.name = options_.node.name;
  state.cluster = options_.sync.cluster;
  state.started_unix_ms = started_unix_ms_;
  state.uptime_s = static_cast<int64_t>((uv_hrtime() / 1'000'000 - started_mono_ms_) / 1000);
  state.store = store_.totals();
  for (const auto& worker : workers_) {
    state.workers.push_back(&worker->counters());
    if (worker->queue() != nullptr) state.queue_dropped += worker->queue()->dropped();
  }
  if (sync_) {
    state.sync = sync_->status();
    state.sync_dropped_send = sync_->socket_counters().dropped_send.value();
  }
  state.readiness = readiness(state.sync);
  return state;
}

}  // namespace shoal::node
