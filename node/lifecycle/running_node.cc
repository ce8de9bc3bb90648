#include "node/lifecycle/running_node.h"

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
#include "node/admin/admin_token.h"
#include "node/config/version.h"
#include "node/os/atomic_file.h"
#include "node/os/monotonic.h"
#include "node/os/privileges.h"
#include "node/tracker/tracker_settings.h"
#include "sync/keys.h"

namespace shoal::node {

using common::log_line;
using common::LogLevel;
using common::Result;

namespace {

// What is left of the open files for everything but HTTP connections.
constexpr size_t kOtherFiles = 256;
constexpr size_t kAdminConnectionsMax = 128;

// After the last announce, for others to get what they missed: about ten attempts.
constexpr int64_t kLingerMs = 1'000;
constexpr uint64_t kLingerCheckMs = 10;

// Between two goes of the upkeep.
constexpr uint64_t kUpkeepPauseMs = 1;

size_t worker_count(const Options& options) {
  if (options.node.workers > 0) return options.node.workers;
  const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  return cpus > 0 ? static_cast<size_t>(cpus) : 1;
}

// Of each worker.
size_t http_connections_max(size_t limit, size_t workers) {
  const size_t files = raise_open_files();
  const size_t usable = files > 2 * kOtherFiles ? files - kOtherFiles : files / 2;
  return std::max<size_t>(1, std::min(limit, usable) / workers);
}

uint64_t random_u64() {
  uint64_t value;
  randombytes_buf(&value, sizeof value);
  return value;
}

std::vector<std::unique_ptr<WorkerCounters>> counters_for(size_t workers) {
  std::vector<std::unique_ptr<WorkerCounters>> counters(workers);
  for (auto& one : counters) one = std::make_unique<WorkerCounters>();
  return counters;
}

}  // namespace

struct RunningNode::Sockets {
  std::vector<std::vector<FileDescriptor>> udp;   // [worker][address]
  std::vector<std::vector<FileDescriptor>> http;  // [worker][address]
  FileDescriptor admin;
  SyncSockets sync;  // empty: sync is off
  std::unique_ptr<ServiceNotify> service;
  HeapPages heap_pages;  // reads files that a new root does not show
};

Result<std::unique_ptr<RunningNode>> RunningNode::start(const Options& options,
                                                        std::function<Result<Options>()> reload) {
  CHECK_INVARIANT(sodium_init() >= 0);
  HeapPages::use_one_heap();
  std::signal(SIGPIPE, SIG_IGN);
  auto keys = load_node_keys(options);
  if (!keys) return tl::make_unexpected(keys.error());
  std::string token;
  if (!options.admin.token_file.empty()) {
    auto loaded = load_admin_token(options.admin.token_file);
    if (!loaded) return common::fail("admin.token_file: " + loaded.error().message);
    token = std::move(*loaded);
  }
  auto sockets = open_sockets(options, worker_count(options));
  if (!sockets) return tl::make_unexpected(sockets.error());
  if (auto dropped = drop_privileges(options.node.user, options.node.chroot); !dropped) {
    return tl::make_unexpected(dropped.error());
  }
  for (const auto& [option, path] : {std::pair("node.snapshot", options.node.snapshot),
                                     std::pair("admin.export_file", options.admin.export_file)}) {
    if (path.empty()) continue;
    if (auto usable = check_replaceable(option, path); !usable) return tl::make_unexpected(usable.error());
  }
  auto access = AccessControl::prepare(options.access);
  if (!access) return tl::make_unexpected(access.error());
  return std::unique_ptr<RunningNode>(new RunningNode(options, std::move(reload), std::move(*keys),
                                                      std::move(token), std::move(*sockets),
                                                      std::move(*access)));
}

Result<RunningNode::Sockets> RunningNode::open_sockets(const Options& options, size_t workers) {
  Sockets opened;
  opened.service = std::make_unique<ServiceNotify>(ServiceVariables::from_environment());
  opened.udp.resize(workers);
  opened.http.resize(workers);
  for (size_t i = 0; i < workers; ++i) {
    for (const common::Endpoint& address : options.tracker.udp) {
      auto socket = open_tracker_udp(address);
      if (!socket) return tl::make_unexpected(socket.error());
      opened.udp[i].push_back(std::move(*socket));
    }
    for (const common::Endpoint& address : options.tracker.http) {
      auto socket = open_tcp(address, true);
      if (!socket) return tl::make_unexpected(socket.error());
      opened.http[i].push_back(std::move(*socket));
    }
  }
  if (options.admin.listen) {
    auto socket = open_tcp(*options.admin.listen, false);
    if (!socket) return tl::make_unexpected(socket.error());
    opened.admin = std::move(*socket);
  }
  if (options.sync.listen) {
    auto socket = SyncSocket::open(*options.sync.listen, options.sync.multicast);
    if (!socket) return tl::make_unexpected(socket.error());
    auto pulls = open_tcp((*socket)->local(), false);
    if (!pulls) return tl::make_unexpected(pulls.error());
    opened.sync = {std::move(*socket), std::move(*pulls)};
  }
  return opened;
}

RunningNode::Loop::Loop() { CHECK_INVARIANT(uv_loop_init(&uv) == 0); }

RunningNode::RunningNode(const Options& options, std::function<Result<Options>()> reload, NodeKeys keys,
                         std::string token, Sockets sockets, AccessControl::Start access)
    : options_(options),
      keys_(std::move(keys)),
      admin_token_(std::move(token)),
      started_unix_ms_(ClusterClock(options.tracker.peer_timeout_s).unix_ms()),
      started_mono_ms_(monotonic_ms()),
      clock_(options.tracker.peer_timeout_s),
      store_({.key = keys_.store, .replicated = sockets.sync.datagrams != nullptr}),
      top_(store_),
      full_scrapes_(store_, clock_, options.tracker.full_scrape_interval_s),
      counters_(counters_for(sockets.udp.size())),
      limits_(&loop_.uv, store_, counters_, options.limits),
      opentracker_({.tracker_id = static_cast<uint32_t>(random_u64()),
                    .peer_timeout_s = options.tracker.peer_timeout_s,
                    .started_mono_s = started_mono_ms_ / 1000},
                   store_, full_scrapes_, top_, counters_, synced_peers_),
      drain_(&loop_.uv, options.node.drain_s, [this] { stop(); }),
      access_(&loop_.uv, options.access, sync::node_id(options.sync.cluster, options.node.name),
              std::move(access), store_,
              {.publish =
                   [this](const auto& policy) {
                     for (const auto& worker : workers_) worker->set_policy(policy);
                   },
               .tell =
                   [this](std::span<const proto::AccessChange> changes) {
                     if (sync_) sync_->publish_access(changes);
                   },
               .unix_ms = [this] { return clock_.unix_ms(); }}),
      load_(&loop_.uv, options.tracker),
      worker_context_{.store = store_,
                      .clock = clock_,
                      .tracker = tracker_settings(options, load_.adapted_interval_s(), limits_.requests()),
                      .http_limits = {.connections_max = http_connections_max(options.limits.connections,
                                                                              sockets.udp.size()),
                                      .per_address = limits_.connections()},
                      .connection_keys = keys_.connection,
                      .policy = access_.policy(),
                      .draining = drain_.begun(),
                      .full_scrapes = full_scrapes_,
                      .opentracker = opentracker_},
      reloader_(&loop_.uv, {.running = [this] { return options_; },
                            .read = std::move(reload),
                            .take = [this](Reload taken) { take(std::move(taken)); },
                            .failed = [this](const ReloadFailure& failure) { reload_failed(failure); },
                            .idle = [this] { service_->reloaded(); }}),
      admin_({.state = [this] { return state(); },
              .drain = [this] { return drain("admin endpoint"); },
              .reload = [this](Reloader::Done done) { this->reload("admin endpoint", std::move(done)); },
              .token = [this] { return admin_token_; },
              .store = &store_,
              .clock = &clock_,
              .history = &history_,
              .top = [this] { return top_.known(&loop_.uv); },
              .full_scrapes = &full_scrapes_,
              .access = &access_}),
      service_(std::move(sockets.service)),
      upkeep_(store_, sockets.heap_pages),
      upkeep_timer_(&loop_.uv, [this] { upkeep_due(); }),
      upkeep_go_timer_(&loop_.uv, [this] { upkeep_go(); }),
      history_timer_(&loop_.uv, [this] { note_history(); }),
      linger_timer_(&loop_.uv, [this] { linger(); }) {
  if (sockets.sync.datagrams) {
    sync::Config config;
    config.name = options.node.name;
    config.incarnation = static_cast<uint64_t>(started_unix_ms_) << 16 | (random_u64() & 0xffff);
    config.cluster = options.sync.cluster;
    config.keys = keys_.cluster;
    config.insecure = options.sync.insecure;
    config.advertise = options.sync.advertise;
    config.peers_named = !options.sync.peers.empty();
    config.multicast_groups = options.sync.multicast.size();
    config.peer_timeout_s = options.tracker.peer_timeout_s;
    config.access_log = &access_.log();
    config.snapshot = !options.node.snapshot.empty();
    config.pace_bytes_per_s = bytes_per_s(options.sync.pace_mbit_s);
    config.donate_bytes_per_s = bytes_per_s(options.sync.donate_mbit_s);
    sync_ = std::make_unique<SyncDriver>(&loop_.uv, std::move(config), std::move(sockets.sync),
                                         options.sync.peers, store_, clock_);
    sync_->on_access_changes([this](std::span<const proto::AccessChange> changes) { access_.took(changes); });
  }
  if (!options.node.snapshot.empty()) {
    SnapshotKeeper::Settings settings{options.node.snapshot,
                                      options.node.snapshot_interval_s,
                                      {options.sync.cluster, options.tracker.peer_timeout_s}};
    snapshot_ = std::make_unique<SnapshotKeeper>(&loop_.uv, std::move(settings), store_, clock_);
    if (sync_) {
      sync_->on_load_snapshot([this] { snapshot_->load([this] { sync_->snapshot_merged(); }); });
    } else {
      snapshot_->load([] {});
    }
  }
  exporter_ = std::make_unique<Exporter>(&loop_.uv, exporter_settings(options), store_, clock_);
  start_workers(std::move(sockets.udp), std::move(sockets.http));
  if (options.admin.listen) {
    admin_server_ = std::make_unique<HttpServer>(
        &loop_.uv, HttpLimits{.connections_max = kAdminConnectionsMax, .post = true}, admin_,
        admin_counters_);
    admin_server_->listen(std::move(sockets.admin));
  }
  start_timers();
}

RunningNode::~RunningNode() {
  workers_.clear();
  CHECK_INVARIANT(uv_loop_close(&loop_.uv) == 0);
}

void RunningNode::start_workers(std::vector<std::vector<FileDescriptor>> udp,
                                std::vector<std::vector<FileDescriptor>> http) {
  for (size_t i = 0; i < udp.size(); ++i) {
    std::unique_ptr<DeltaQueue> queue;
    if (sync_) {
      queue = std::make_unique<DeltaQueue>(sync_->waker());
      sync_->add_queue(queue.get());
    }
    workers_.push_back(std::make_unique<Worker>(worker_context_, *counters_[i], std::move(queue),
                                                std::move(udp[i]), std::move(http[i]), random_u64(),
                                                options_.node.pin_workers ? std::optional(i) : std::nullopt));
  }
  std::vector<const WorkerCounters*> counters;
  for (const auto& of_worker : counters_) counters.push_back(of_worker.get());
  load_.start(std::move(counters), sync_.get());
}

void RunningNode::start_timers() {
  history_timer_.start(0, kHistoryStepMs);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    auto handle = std::make_unique<uv_signal_t>();
    CHECK_INVARIANT(uv_signal_init(&loop_.uv, handle.get()) == 0);
    handle->data = this;
    CHECK_INVARIANT(uv_signal_start(
                        handle.get(),
                        [](uv_signal_t* signal, int signum) {
                          static_cast<RunningNode*>(signal->data)->on_signal(signum);
                        },
                        number) == 0);
    signals_.push_back(std::move(handle));
  }
  const auto period_ms =
      static_cast<uint64_t>(std::max<int64_t>(1, clock_.tick_ms() / Upkeep::kSlicesPerTick));
  upkeep_timer_.start(period_ms, period_ms);
}

void RunningNode::upkeep_due() {
  if (!sync_) clock_.follow_wall();
  if (sync_) synced_peers_.store(sync_->status().stats.deltas_received, std::memory_order_relaxed);
  upkeep_.add_due();
  upkeep_go();
}

void RunningNode::upkeep_go() {
  if (!upkeep_.run_slice(clock_.tick())) return;
  upkeep_go_timer_.start(kUpkeepPauseMs);
}

void RunningNode::note_history() {
  history_.add(monotonic_ms(), ClusterClock::wall_ms(), series_of(state()));
}

void RunningNode::on_signal(int signal) {
  if (signal == SIGHUP) {
    return reload("SIGHUP", [](const ReloadReport& /*report*/) {});
  }
  if (std::exchange(signalled_, true)) {
    log_line(LogLevel::warn, "second signal: exiting at once");
    std::_Exit(1);
  }
  drain(signal == SIGTERM ? "SIGTERM" : "SIGINT");
}

bool RunningNode::drain(std::string_view cause) {
  const bool first = drain_.begin(cause);
  if (first) service_->stopping(options_.node.drain_s);
  return first;
}

void RunningNode::stop() {
  log_line(LogLevel::info, "stopping");
  for (const auto& worker : workers_) worker->stop();
  steps_left_ = 1;
  if (snapshot_) {
    ++steps_left_;
    snapshot_->finish([this] { step_done(); });
  }
  if (sync_) sync_->leave();
  linger_until_ms_ = monotonic_ms() + kLingerMs;
  linger();
}

void RunningNode::linger() {
  if (!sync_ || sync_->left_in_order() || monotonic_ms() >= linger_until_ms_) return step_done();
  linger_timer_.start(kLingerCheckMs);
}

void RunningNode::step_done() {
  if (--steps_left_ == 0) close();
}

void RunningNode::close() {
  if (sync_) sync_->stop();
  if (admin_server_) admin_server_->stop();
  access_.stop();
  top_.stop();
  load_.close();
  exporter_->stop();
  reloader_.stop();
  limits_.close();
  drain_.close();
  service_->close();
  for (const auto& signal : signals_) uv_close(reinterpret_cast<uv_handle_t*>(signal.get()), nullptr);
  for (Timer* timer : {&upkeep_timer_, &upkeep_go_timer_, &history_timer_, &linger_timer_}) timer->close();
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
    log_line(
        LogLevel::warn,
        "sync.insecure: anyone who reaches the sync port can add and remove peers, and anyone can make up "
        "connection ids, with which the UDP tracker answers to addresses that have not asked");
  }
  service_->start(&loop_.uv, [this] { return state().readiness; });
  uv_run(&loop_.uv, UV_RUN_DEFAULT);
  log_line(LogLevel::info, "stopped");
}

NodeState RunningNode::state() const {
  NodeState state;
  state.name = options_.node.name;
  state.cluster = options_.sync.cluster;
  state.started_unix_ms = started_unix_ms_;
  const int64_t uptime_ms = monotonic_ms() - started_mono_ms_;
  state.uptime_s = uptime_ms / 1000;
  state.store = store_.totals();
  for (const auto& counters : counters_) state.workers.push_back(counters.get());
  for (const auto& worker : workers_) {
    if (worker->queue() != nullptr) state.queue_dropped += worker->queue()->dropped();
  }
  if (sync_) {
    state.sync = sync_->status();
    state.sync_dropped_send = sync_->socket_counters().dropped_send.value();
    state.sync_dropped_receive = sync_->socket_counters().dropped_receive.value();
    state.pull_server = &sync_->pull_server_counters();
    state.pull_client = &sync_->pull_client_counters();
  }
  state.reloads = reloader_.taken();
  state.reloads_failed = reloader_.failed();
  state.need_restart = reloader_.need_restart();
  state.limit_hits = limits_.hits();
  state.key_ids = key_ids(keys_.cluster, options_.sync.cluster);
  state.key_reloads = key_reloads_;
  state.key_reloads_failed = key_reloads_failed_;
  state.access = access_.status();
  state.interval_s = load_.interval_s();
  state.announces_per_s = load_.announces_per_s();
  if (snapshot_) state.snapshot = snapshot_->status();
  state.exports = exporter_->status();
  const DumpGate& dumps = full_scrapes_.gate();
  state.dumps = {dumps.dumps(), dumps.bytes(), dumps.refused_too_often(), dumps.refused_busy()};
  state.readiness =
      readiness_of({.phase = drain_.phase(),
                    .snapshot_percent = state.snapshot ? state.snapshot->loading_percent : std::nullopt,
                    .sync = state.sync ? &*state.sync : nullptr,
                    .access_matters = access_.options().mode != AccessMode::open,
                    .uptime_ms = uptime_ms});
  return state;
}

}  // namespace shoal::node
