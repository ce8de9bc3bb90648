#include "node/tracker/worker.h"

#include <sched.h>

#include <utility>

#include "common/check.h"
#include "node/os/surroundings.h"

namespace shoal::node {

namespace {

// If pinning is not allowed, the thread runs without.
void pin_this_thread(size_t number) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  number %= static_cast<size_t>(CPU_COUNT(&allowed));
  for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || number-- != 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

}  // namespace

Worker::Worker(const WorkerContext& context, uint16_t number, WorkerCounters& counters,
               std::unique_ptr<DeltaQueue> queue, std::vector<FileDescriptor> udp,
               std::vector<FileDescriptor> http, std::vector<FileDescriptor> https, uint64_t seed,
               std::optional<size_t> cpu)
    : context_(context),
      number_(number),
      queue_(std::move(queue)),
      cpu_(cpu),
      udp_sockets_(std::move(udp)),
      http_sockets_(std::move(http)),
      https_sockets_(std::move(https)),
      first_tls_(context.tls),
      counters_(counters),
      tracker_(context.tracker, context.store, queue_.get(), counters_.announce, seed),
      connection_keys_(context.connection_keys),
      batch_(make_udp_batch()),
      http_tracker_(tracker_, context.clock, context.full_scrapes, context.opentracker, counters_),
      web_tracker_(tracker_, context.clock, http_tracker_, context.web_hub, number, counters_.web) {
  http_tracker_.set_web(&web_tracker_);
  tracker_.set_policy(context.policy);
  require_system(uv_loop_init(&loop_), "make an event loop");
  require_system(
      uv_async_init(&loop_, &wake_,
                    [](uv_async_t* async) { static_cast<Worker*>(async->data)->handle_message(); }),
      "make a wake-up");
  wake_.data = this;
  require_system(uv_async_init(&loop_, &web_wake_,
                               [](uv_async_t* async) { static_cast<Worker*>(async->data)->deliver_web(); }),
                 "make a wake-up");
  web_wake_.data = this;
  context_.web_hub.inbox(number_).set_wake([this] { uv_async_send(&web_wake_); });
  thread_ = start_thread([this] { run(); });
}

Worker::~Worker() { stop(); }

void Worker::stop() {
  if (!thread_.joinable()) return;
  {
    const Lock lock(message_mutex_);
    stop_asked_ = true;
  }
  uv_async_send(&wake_);
  thread_.join();
  CHECK_INVARIANT(uv_loop_close(&loop_) == 0);
}

void Worker::set_connection_keys(std::vector<common::SipKey> keys) {
  CHECK_INVARIANT(!keys.empty());
  if (!thread_.joinable()) return;
  {
    const Lock lock(message_mutex_);
    next_keys_ = std::move(keys);
  }
  uv_async_send(&wake_);
}

void Worker::set_policy(std::shared_ptr<const AnnouncePolicy> policy) {
  if (!thread_.joinable()) return;
  {
    const Lock lock(message_mutex_);
    next_policy_ = std::move(policy);
  }
  uv_async_send(&wake_);
}

void Worker::set_bans(std::shared_ptr<const BanIndex> bans) {
  if (!thread_.joinable()) return;
  {
    const Lock lock(message_mutex_);
    next_bans_ = std::move(bans);
  }
  uv_async_send(&wake_);
}

void Worker::set_settings(std::shared_ptr<const TrackerSettings> settings) {
  if (!thread_.joinable()) return;
  {
    const Lock lock(message_mutex_);
    next_settings_ = std::move(settings);
  }
  uv_async_send(&wake_);
}

void Worker::set_tls(TlsLayer layer) {
  if (!thread_.joinable()) return;
  {
    const Lock lock(message_mutex_);
    next_tls_ = std::move(layer);
  }
  uv_async_send(&wake_);
}

void Worker::apply_to_http() {
  const auto settings = tracker_.shared_settings();
  http_->keep_alive(settings->options.http_keep_alive);
  http_->expect_proxies(std::shared_ptr<const common::NetworkSet>(settings, &settings->proxies.networks),
                        settings->proxy_protocol);
}

void Worker::handle_message() {
  const Lock lock(message_mutex_);
  if (!next_keys_.empty()) connection_keys_ = std::exchange(next_keys_, {});
  if (next_policy_) tracker_.set_policy(std::move(*std::exchange(next_policy_, std::nullopt)));
  if (next_bans_) tracker_.set_bans(std::move(*std::exchange(next_bans_, std::nullopt)));
  if (next_settings_) {
    tracker_.set_settings(std::exchange(next_settings_, nullptr));
    apply_to_http();
  }
  if (next_tls_) http_->set_tls(std::move(*std::exchange(next_tls_, std::nullopt)));
  if (!stop_asked_) return;
  for (const auto& server : udp_) server->stop();
  http_->stop();
  context_.web_hub.inbox(number_).set_wake(nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&web_wake_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
}

void Worker::deliver_web() {
  if (web_tracker_.deliver()) uv_async_send(&web_wake_);
}

void Worker::run() {
  if (cpu_) pin_this_thread(*cpu_);
  for (FileDescriptor& socket : udp_sockets_) {
    udp_.push_back(std::make_unique<UdpServer>(&loop_, std::move(socket), *batch_, tracker_, context_.clock,
                                               connection_keys_, stale_ids_, counters_));
  }
  http_ = std::make_unique<HttpServer>(&loop_, context_.http_limits, http_tracker_, counters_.http);
  http_->set_gate(&http_tracker_);
  apply_to_http();
  http_->close_when(context_.draining);
  http_->set_tls(std::exchange(first_tls_, {}));
  for (FileDescriptor& socket : http_sockets_) http_->listen(std::move(socket));
  for (FileDescriptor& socket : https_sockets_) http_->listen(std::move(socket), true);
  uv_run(&loop_, UV_RUN_DEFAULT);
}

}  // namespace shoal::node
