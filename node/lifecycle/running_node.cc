#include "node/lifecycle/running_node.h"

#include <sodium/core.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <utility>

#include "common/check.h"
#include "common/log.h"
#include "node/admin/admin_host.h"
#include "node/config/version.h"
#include "node/lifecycle/confine.h"
#include "node/lifecycle/node_log.h"
#include "node/net/sockets.h"
#include "node/net/thread_pool.h"
#include "node/os/monotonic.h"
#include "node/os/start_of_process.h"
#include "node/os/surroundings.h"
#include "node/tracker/tracker_settings.h"
#include "sync/keys.h"

namespace shoal::node {

using common::Endpoint;
using common::log_line;
using common::LogLevel;
using common::Result;

namespace {

// A page or all metrics take milliseconds of the control thread: few between two looks at everything else.
constexpr TurnWork kAdminConnectionTurn{.steps = 2, .bytes = 16 << 10};
constexpr TurnWork kAdminTurn{.steps = 8, .bytes = 256 << 10};

// For a full scrape by a stranger, who keeps others from theirs meanwhile.
constexpr uint64_t kDumpMs = 1'800'000;

// After the last announce, for others to get what they missed: about ten attempts.
constexpr int64_t kLingerMs = 1'000;
constexpr uint64_t kLingerCheckMs = 10;

constexpr size_t kLatelyMinutes = 5;

// How often it looks whether the log is read again.
constexpr uint64_t kLogResumeS = 1;

void log_confinement(const Confinement& holds) {
  log_line(LogLevel::info, "confined",
           {{"no_new_rights", holds.no_new_rights},
            {"capabilities", holds.capabilities},
            {"calls", holds.calls},
            {"files", holds.files}});
}

}  // namespace

Result<std::unique_ptr<RunningNode>> RunningNode::start(const Options& options,
                                                        std::function<Result<Options>()> reload) {
  if (sodium_init() < 0)
    return common::fail("cannot get random numbers: neither getrandom() nor /dev/urandom works");
  HeapPages::use_one_heap();
  auto parts = build_parts(options);
  if (!parts) return tl::make_unexpected(parts.error());
  // Threads that start from here on can do no more than this one.
  ConfineSettings settings = confine_settings(options);
  settings.shield = parts->shield.attached();
  log_confinement(confine(settings));
  const size_t threads = worker_count(options) + thread_pool_size() + (options.node.snapshot.empty() ? 0 : 1);
  auto enough = check_threads(
      threads, "node.workers = " + std::to_string(worker_count(options)) + ", the rest for files and names");
  if (!enough) return tl::make_unexpected(enough.error());
  start_thread_pool();
  return std::unique_ptr<RunningNode>(new RunningNode(options, std::move(reload), std::move(*parts)));
}

RunningNode::Loop::Loop() { require_system(uv_loop_init(&uv), "make an event loop"); }

RunningNode::RunningNode(const Options& options, std::function<Result<Options>()> reload, NodeParts parts)
    : options_(options),
      keys_(std::move(parts.keys)),
      tickets_(keys_.tickets),
      admin_token_(std::move(parts.admin_token)),
      started_unix_ms_(ClusterClock(options.tracker.peer_timeout_s).unix_ms()),
      started_mono_ms_(monotonic_ms()),
      clock_(options.tracker.peer_timeout_s),
      store_({.key = random_key(), .replicated = parts.sync.datagrams != nullptr}),
      top_(store_),
      full_scrapes_(store_, clock_, options.tracker.full_scrape_interval_s),
      counters_(make_counters(parts.udp.size() + (parts.shield.interfaces.empty() ? 0 : 1))),
      limits_(&loop_.uv, store_, counters_, options.limits, std::move(parts.memory)),
      opentracker_({.tracker_id = static_cast<uint32_t>(random_u64()),
                    .peer_timeout_s = options.tracker.peer_timeout_s,
                    .started_mono_s = started_mono_ms_ / 1000},
                   store_, full_scrapes_, top_, counters_, synced_peers_),
      drain_(&loop_.uv, options.node.drain_s, [this] { stop(); }),
      places_(&loop_.uv, store_, clock_, std::move(parts.access.files.places)),
      access_(&loop_.uv, options.access, sync::node_id(options.sync.cluster, options.node.name),
              std::move(parts.access), store_, access_hooks()),
      feeds_(&loop_.uv, options.access, std::move(parts.feeds), random_u64(), feed_hooks()),
      bans_(&loop_.uv, options, sync::node_id(options.sync.cluster, options.node.name), random_key(),
            ban_hooks()),
      load_(&loop_.uv, options.tracker),
      web_hub_(make_incarnation(started_unix_ms_), parts.udp.size()),
      worker_context_{
          .store = store_,
          .clock = clock_,
          .tracker = tracker_settings(options, load_.adapted_interval_s(), limits_.requests(), bans_.watch()),
          .http_limits = {.connections_max = parts.files.http_connections,
                          .waiting_bytes_max = http_waiting_bytes_max(parts.udp.size()),
                          .streamed_ms = kDumpMs,
                          .handshakes_max = handshakes_max(parts.udp.size()),
                          .handshakes_per_address = limits_.handshakes(),
                          .upgraded_max = parts.files.http_connections - parts.files.http_connections / 4,
                          .rules = {.lenient = true, .bare_lf = true},
                          .per_address = limits_.connections()},
          .tls = {},
          .connection_keys = keys_.connection,
          .policy = access_.policy(),
          .draining = drain_.begun(),
          .full_scrapes = full_scrapes_,
          .opentracker = opentracker_,
          .web_hub = web_hub_},
      upkeep_(&loop_.uv, store_, clock_, parts.heap_pages,
              {.before_slices = [this] { follow_time(); }, .state = [this] { return state(); }}),
      reloader_(&loop_.uv, {.running = [this] { return options_; },
                            .running_tls = [this] { return tls_.context; },
                            .read = std::move(reload),
                            .apply = [this](Reload reload_read) { apply(std::move(reload_read)); },
                            .failed = [this](const ReloadFailure& failure) { reload_failed(failure); },
                            .idle = [this] { service_->reloaded(); }}),
      admin_(admin_context()),
      service_(std::move(parts.service)),
      readiness_log_(&loop_.uv, [this] { return readiness(); }),
      serving_watch_(&loop_.uv, [this] { return serving_faults(); }),
      linger_timer_(&loop_.uv, [this] { linger(); }),
      log_timer_(&loop_.uv, resume_node_log) {
  // Before anyone can see that this node serves, and then stop it.
  start_signals();
  if (parts.sync.datagrams) start_sync(std::move(parts.sync));
  if (!options.node.snapshot.empty()) start_snapshot();
  exporter_ = std::make_unique<Exporter>(&loop_.uv, exporter_settings(options), store_, clock_);
  if (!parts.shield.interfaces.empty()) start_shield(std::move(parts.shield));
  tls_.context = std::move(parts.tls);
  make_tickets();
  worker_context_.tls = tls_;
  start_workers(std::move(parts.udp), std::move(parts.http), std::move(parts.https));
  worker_context_.tls = {};  // what is replaced must go, keys of old tickets above all
  if (options.admin.listen) {
    admin_server_ = std::make_unique<HttpServer>(&loop_.uv,
                                                 HttpLimits{.connections_max = parts.files.admin_connections,
                                                            .connection_turn = kAdminConnectionTurn,
                                                            .turn = kAdminTurn,
                                                            .rules = {.post = true}},
                                                 admin_, admin_counters_);
    admin_server_->set_tls(tls_);
    admin_server_->listen(std::move(parts.admin), options.admin.tls);
  }
  upkeep_.start();
  log_timer_.start_every_s(kLogResumeS);
  warn(std::move(parts.warnings));
}

AccessControl::Hooks RunningNode::access_hooks() {
  return {.publish =
              [this](const auto& policy) {
                for (const auto& worker : workers_) worker->set_policy(policy);
                if (shield_) shield_->set_denied(access_.denied());
              },
          .send =
              [this](std::span<const proto::AccessChange> changes) {
                if (sync_) sync_->publish_access(changes);
              },
          .send_forgotten =
              [this](const proto::ForgottenOrigin& origin) {
                if (sync_) sync_->publish_access(origin);
              },
          .unix_ms = [this] { return clock_.unix_ms(); }};
}

BanControl::Hooks RunningNode::ban_hooks() {
  return {.publish =
              [this](const auto& index) {
                for (const auto& worker : workers_) worker->set_bans(index);
              },
          .send =
              [this](std::span<const proto::BanChange> changes) {
                if (sync_) sync_->publish_bans(changes);
              },
          .send_forgotten =
              [this](const proto::ForgottenOrigin& origin) {
                if (sync_) sync_->publish_bans(origin);
              },
          .unix_ms = [this] { return clock_.unix_ms(); }};
}

Feeds::Hooks RunningNode::feed_hooks() {
  return {.publish = [this](FeedLists lists) { access_.set_fed(std::move(lists)); },
          .unix_ms = [this] { return clock_.unix_ms(); }};
}

AdminContext RunningNode::admin_context() {
  return {
      .state = [this] { return state(); },
      .drain = [this] { return drain("admin endpoint"); },
      .reload = [this](Reloader::Done done) { reload("admin endpoint", std::move(done)); },
      .token = [this] { return admin_token_; },
      .answers_as =
          [this](std::string_view host) {
            return is_admin_host(host, options_.admin.hosts, options_.node.name);
          },
      .refused = [this](AdminRefused why, const common::Endpoint& client) { refused(why, client); },
      .forget =
          [this](std::string_view name) { return sync_ ? sync_->forget(name) : sync::Forgotten::unknown; },
      .store = &store_,
      .clock = &clock_,
      .history = &upkeep_.history(),
      .top = [this] { return top_.known(&loop_.uv); },
      .full_scrapes = &full_scrapes_,
      .access = &access_,
      .feeds = &feeds_,
      .bans = &bans_,
      .node_id =
          [this](std::string_view name) { return sync::node_id(options_.sync.cluster, std::string(name)); }};
}

void RunningNode::start_sync(SyncSockets sockets) {
  sync::Config config = sync_config(options_, keys_, web_hub_.run());
  config.access_log = &access_.log();
  config.ban_log = &bans_.log();
  sync_ = std::make_unique<SyncDriver>(&loop_.uv, config, std::move(sockets), options_.sync.peers, store_,
                                       clock_);
  sync_->set_web_hub(&web_hub_);
  sync_->on_ban_changes([this] { bans_.changed(); });
  sync_->on_access_changes(
      [this](std::span<const proto::AccessChange> changes) { access_.changes_merged(changes); });
}

void RunningNode::start_shield(ShieldControl::Start start) {
  shield_ = std::make_unique<ShieldControl>(
      &loop_.uv, std::move(start),
      ShieldControl::Settings{.listened = options_.tracker.udp,
                              .workers = static_cast<uint32_t>(counters_.size() - 1),
                              .keys = keys_.connection,
                              .limits = options_.limits,
                              .denied = access_.denied()},
      clock_, *counters_.back());
  // With sync.insecure anybody can make connection ids, so they prove nothing.
  if (!options_.sync.insecure) {
    shield_->on_over_rate([this](const ClientPrefix& client, uint64_t requests) {
      if (OffenceWatch* watch = bans_.watch()) {
        watch->charge(client, proto::Offence::over_rate, static_cast<uint64_t>(monotonic_us()), requests);
      }
    });
  }
  bans_.on_change([this](const Ban& ban) {
    if (ban.ends_ms == 0) return shield_->unban(ban.client);
    const int64_t left_ms = std::max<int64_t>(ban.ends_ms - clock_.unix_ms(), 0);
    shield_->ban(ban.client, static_cast<uint64_t>(monotonic_us() + left_ms * 1000));
  });
}

void RunningNode::start_snapshot() {
  snapshot_ = std::make_unique<SnapshotKeeper>(&loop_.uv, snapshot_settings(options_), store_, clock_);
  if (sync_) {
    sync_->on_load_snapshot([this] { snapshot_->load([this](bool held) { sync_->snapshot_merged(held); }); });
  } else {
    snapshot_->load([](bool) {});
  }
}

RunningNode::~RunningNode() {
  workers_.clear();
  CHECK_INVARIANT(uv_loop_close(&loop_.uv) == 0);
}

void RunningNode::start_workers(std::vector<std::vector<FileDescriptor>> udp,
                                std::vector<std::vector<FileDescriptor>> http,
                                std::vector<std::vector<FileDescriptor>> https) {
  for (size_t i = 0; i < udp.size(); ++i) {
    std::unique_ptr<DeltaQueue> queue;
    if (sync_) {
      queue = std::make_unique<DeltaQueue>(sync_->waker());
      sync_->add_queue(queue.get());
    }
    workers_.push_back(std::make_unique<Worker>(worker_context_, static_cast<uint16_t>(i), *counters_[i],
                                                std::move(queue), std::move(udp[i]), std::move(http[i]),
                                                std::move(https[i]), random_u64(),
                                                options_.node.pin_workers ? std::optional(i) : std::nullopt));
  }
  std::vector<const WorkerCounters*> counters;
  for (const auto& of_worker : counters_) counters.push_back(of_worker.get());
  load_.start(std::move(counters), sync_.get());
}

void RunningNode::start_signals() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    auto handle = std::make_unique<uv_signal_t>();
    require_system(uv_signal_init(&loop_.uv, handle.get()), "take signals");
    handle->data = this;
    require_system(uv_signal_start(
                       handle.get(),
                       [](uv_signal_t* signal, int signum) {
                         static_cast<RunningNode*>(signal->data)->on_signal(signum);
                       },
                       number),
                   "take signals");
    signals_.push_back(std::move(handle));
  }
}

bool RunningNode::make_tickets() {
  const uint64_t epoch = ticket_epoch(clock_.unix_ms());
  if (!tls_.context || (epoch == ticket_epoch_ && tls_.tickets)) return false;
  ticket_epoch_ = epoch;
  tls_.tickets = tickets_.keys(epoch);
  return true;
}

void RunningNode::share_tls() {
  for (const auto& worker : workers_) worker->set_tls(tls_);
  if (admin_server_) admin_server_->set_tls(tls_);
}

void RunningNode::follow_time() {
  if (make_tickets()) share_tls();
  if (!sync_) {
    clock_.follow_wall();
    if (snapshot_) snapshot_->set_held(true);
    return;
  }
  const sync::Status status = sync_->status();
  synced_peers_.store(status.stats.deltas_received, std::memory_order_relaxed);
  if (snapshot_) snapshot_->set_held(status.held);
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
  if (first) {
    readiness_log_.close();
    if (shield_) shield_->drain();
    service_->stopping(options_.node.drain_s);
  }
  return first;
}

void RunningNode::reload(const std::string& cause, Reloader::Done done) {
  service_->reloading();
  reloader_.request(cause, std::move(done));
}

void RunningNode::reload_failed(const ReloadFailure& failure) {
  if (failure.part == ReloadFailure::Part::access) {
    access_.count_failed_reload();
  } else if (failure.part == ReloadFailure::Part::keys) {
    ++key_reloads_failed_;
  }
}

// Cannot fail: all has been read and checked.
void RunningNode::apply(Reload reload) {
  options_ = std::move(reload.options);
  admin_token_ = std::move(reload.admin_token);
  tls_.context = std::move(reload.tls);
  if (reload.keys) apply_keys(std::move(*reload.keys));
  make_tickets();
  share_tls();
  places_.set(std::move(reload.access_files.places));
  access_.set(options_.access, std::move(reload.access_files));
  feeds_.set(options_.access);
  warn(std::move(reload.warnings));
  for (const Apply target : reload.changes.apply) apply(target);
}

void RunningNode::apply(Apply target) {
  switch (target) {
    case Apply::restart:
    case Apply::always:
      return;
    case Apply::log:
      return common::configure_log(options_.node.log_level, options_.node.log_format);
    case Apply::drain:
      return drain_.set_drain_s(options_.node.drain_s);
    case Apply::snapshot:
      if (snapshot_) snapshot_->set_interval_s(options_.node.snapshot_interval_s);
      return;
    case Apply::tracker:
      load_.set(options_.tracker);
      // Trusted proxies are never banned.
      bans_.set(options_);
      set_tracker();
      return full_scrapes_.set_client_interval_s(options_.tracker.full_scrape_interval_s);
    case Apply::bans:
      bans_.set(options_);
      return set_tracker();
    case Apply::limits:
      if (shield_) shield_->set_limits(options_.limits);
      return limits_.apply(options_.limits);
    case Apply::sync:
      if (!sync_) return;
      sync_->set_peers(options_.sync.peers);
      return sync_->set_pace(bytes_per_s(options_.sync.pace_mbit_s),
                             bytes_per_s(options_.sync.donate_mbit_s));
    case Apply::exports:
      return exporter_->set(exporter_settings(options_));
  }
}

void RunningNode::refused(AdminRefused why, const common::Endpoint& client) {
  if (const auto requests = admin_refusals_.add(why, monotonic_ms())) {
    log_line(LogLevel::warn, "requests to the admin endpoint refused",
             {{"reason", std::string(kAdminRefusalNames[static_cast<size_t>(why)])},
              {"requests", std::to_string(*requests)},
              {"last_from", common::to_string(client)}});
  }
}

void RunningNode::set_tracker() {
  const auto settings = std::make_shared<const TrackerSettings>(
      tracker_settings(options_, load_.adapted_interval_s(), limits_.requests(), bans_.watch()));
  for (const auto& worker : workers_) worker->set_settings(settings);
}

void RunningNode::warn(std::vector<std::string> warnings) {
  for (const std::string& warning : warnings) {
    if (std::find(warnings_.begin(), warnings_.end(), warning) == warnings_.end())
      log_line(LogLevel::warn, warning);
  }
  warnings_ = std::move(warnings);
}

void RunningNode::apply_keys(NodeKeys keys) {
  const std::string& cluster = options_.sync.cluster;
  log_line(LogLevel::info, "keys loaded",
           {{"before", key_ids(keys_.cluster, cluster)}, {"now", key_ids(keys.cluster, cluster)}});
  keys_.cluster = std::move(keys.cluster);
  keys_.connection = std::move(keys.connection);
  keys_.tickets = keys.tickets;
  tickets_.set_roots(std::move(keys.tickets));
  tls_.tickets = nullptr;
  if (sync_) sync_->set_keys(keys_.cluster);
  for (const auto& worker : workers_) worker->set_connection_keys(keys_.connection);
  if (shield_) shield_->set_keys(keys_.connection);
  ++key_reloads_;
}

void RunningNode::stop() {
  log_line(LogLevel::info, "stopping");
  for (const auto& worker : workers_) worker->stop();
  if (shield_) shield_->close();
  feeds_.stop();
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
  bans_.stop();
  top_.stop();
  places_.stop();
  load_.close();
  exporter_->stop();
  reloader_.stop();
  limits_.close();
  drain_.close();
  service_->close();
  // A SIGHUP without a handler would kill it.
  hold_reloads();
  for (const auto& signal : signals_) uv_close(reinterpret_cast<uv_handle_t*>(signal.get()), nullptr);
  upkeep_.stop();
  serving_watch_.close();
  linger_timer_.close();
  log_timer_.close();
}

void RunningNode::run() {
  log_line(LogLevel::info, "node started",
           {{"name", options_.node.name},
            {"version", version()},
            {"workers", std::to_string(workers_.size())},
            {"sync", sync_ ? common::to_string(*options_.sync.listen) : "off"},
            {"admin", options_.admin.listen ? common::to_string(*options_.admin.listen) : "off"}});
  log_limits();
  for (const common::Endpoint& address : options_.tracker.udp) {
    log_line(LogLevel::info, "serving", {{"url", "udp://" + common::to_string(address) + "/announce"}});
  }
  for (const common::Endpoint& address : options_.tracker.http) {
    log_line(LogLevel::info, "serving", {{"url", "http://" + common::to_string(address) + "/announce"}});
  }
  for (const common::Endpoint& address : options_.tracker.https) {
    log_line(LogLevel::info, "serving", {{"url", "https://" + common::to_string(address) + "/announce"}});
  }
  if (options_.admin.listen) {
    const std::string scheme = options_.admin.tls ? "https://" : "http://";
    log_line(LogLevel::info, "status page",
             {{"url", scheme + common::to_string(*options_.admin.listen) + "/"}});
  }
  if (tls_.context) {
    for (const TlsCertificateInfo& one : tls_.context->certificates()) {
      log_line(LogLevel::info, "certificate", {{"file", one.file}, {"subject", one.subject}});
    }
  }
  service_->start(&loop_.uv, [this] { return readiness(); });
  readiness_log_.start();
  serving_watch_.start();
  release_reloads();
  uv_run(&loop_.uv, UV_RUN_DEFAULT);
  log_line(LogLevel::info, "stopped");
}

// As they are in force: of connections there may be fewer than the option says.
void RunningNode::log_limits() const {
  const Options::Limits& limits = options_.limits;
  const auto number = [](uint64_t limit) { return limit == 0 ? std::string("none") : std::to_string(limit); };
  const size_t connections = worker_context_.http_limits.connections_max * workers_.size();
  log_line(LogLevel::info, "limits",
           {{"memory_mib", number(store_.totals().memory_limit_bytes >> 20)},
            {"swarms", number(limits.swarms)},
            {"peers", number(limits.peers)},
            {"peers_per_swarm", number(limits.peers_per_swarm)},
            {"connections", std::to_string(serves_http(options_) ? connections : 0)},
            {"connections_per_address", number(limits.connections_per_address)},
            {"requests_per_s_per_address", number(limits.requests_per_s_per_address)},
            {"requests_per_s_per_prefix", number(limits.requests_per_s_per_prefix)}});
}

std::vector<ServingFault> RunningNode::serving_faults() const {
  std::vector<const WorkerCounters*> workers;
  workers.reserve(counters_.size());
  for (const auto& counters : counters_) workers.push_back(counters.get());
  SyncFaults sync;
  if (sync_) {
    sync = {&sync_->socket_counters().call_errors, sync_->pull_server_counters().accept_error.value()};
  }
  return serving_faults_of(workers, admin_counters_, sync);
}

Readiness RunningNode::readiness() const {
  const std::optional<sync::Status> sync = sync_ ? std::optional(sync_->status()) : std::nullopt;
  // Later changes take their fraction of a second on every node.
  if (!access_got_ && sync && sync->access_in_step) access_got_ = access_.generation();
  return readiness_of({.phase = drain_.phase(),
                       .snapshot_percent = snapshot_ ? snapshot_->status().loading_percent : std::nullopt,
                       .sync = sync ? &*sync : nullptr,
                       .ready_alone = options_.node.ready_alone,
                       .access_matters = access_.options().mode != AccessMode::open,
                       .access_in_force = access_got_ && access_.generation_in_force() >= *access_got_,
                       .uptime_ms = monotonic_ms() - started_mono_ms_,
                       .serving_fault = serving_watch_.faults().reason()});
}

NodeState RunningNode::state() const {
  NodeState state;
  state.name = options_.node.name;
  state.cluster = options_.sync.cluster;
  state.started_unix_ms = started_unix_ms_;
  state.uptime_s = (monotonic_ms() - started_mono_ms_) / 1000;
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
  state.reloads = reloader_.applied();
  state.reloads_failed = reloader_.failed();
  state.reload_error = reloader_.error();
  state.need_restart = reloader_.need_restart();
  state.limit_hits = limits_.hits();
  state.key_ids = key_ids(keys_.cluster, options_.sync.cluster);
  state.key_reloads = key_reloads_;
  state.key_reloads_failed = key_reloads_failed_;
  state.access = access_.status();
  state.places = places_.status();
  state.feeds = feeds_.status();
  state.bans = bans_.status();
  state.interval_s = load_.interval_s();
  state.announces_per_s = load_.announces_per_s();
  if (snapshot_) state.snapshot = snapshot_->status();
  state.exports = exporter_->status();
  if (shield_) state.shield = shield_->status();
  state.log_lines_dropped = node_log_dropped();
  const DumpGate& dumps = full_scrapes_.gate();
  state.dumps = {dumps.dumps(), dumps.bytes(), dumps.refused_too_often(), dumps.refused_busy()};
  const FaultCounts faults = fault_counts(state);
  state.lately = upkeep_.faults().of_last(kLatelyMinutes, faults);
  state.last_hour = upkeep_.faults().of_last(RecentFaults::kMinutesMax, faults);
  state.latency = latency_between(upkeep_.history().earlier_timings(), timings_of(state));
  state.admin_refused = admin_refusals_.counts();
  state.member_url = options_.admin.member_url;
  state.serving_faults = serving_watch_.faults().lasting();
  state.readiness = readiness();
  if (options_.tracker.websocket) state.web_hub = &web_hub_.counters();
  state.tls = !options_.tracker.https.empty() || options_.admin.tls;
  if (tls_.context) state.certificates = tls_.context->certificates();
  state.unix_s = clock_.unix_ms() / 1000;
  return state;
}

int run_node(Options options, std::function<Result<Options>()> reload) {
  common::configure_log(options.node.log_level, options.node.log_format);
  for (const Endpoint& skipped : skip_missing_families(options, has_family)) {
    log_line(LogLevel::warn, "not served: this kernel does not have the address family",
             {{"address", common::to_string(skipped)}});
  }
  auto node = RunningNode::start(options, [read = std::move(reload)] {
    auto fresh = read();
    if (fresh) skip_missing_families(*fresh, has_family);
    return fresh;
  });
  if (!node) {
    log_line(LogLevel::error, node.error().message);
    return 1;
  }
  (*node)->run();
  return 0;
}

}  // namespace shoal::node
