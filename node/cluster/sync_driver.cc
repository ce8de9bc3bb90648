#include "node/cluster/sync_driver.h"

#include <algorithm>
#include <utility>

#include "common/log.h"
#include "node/config/option_values.h"
#include "node/os/monotonic.h"
#include "node/os/surroundings.h"
#include "proto/sync_packet.h"
#include "proto/web_relay.h"

namespace shoal::node {

namespace {

// Under load, a worker wakes this thread only for its first delta. This thread then waits, to drain the
// deltas of these milliseconds together.
constexpr uint64_t kDrainDelayMs = 5;

// Between two slices of dropping web peers others have their turn.
constexpr uint64_t kSweepEveryMs = 1;

constexpr int kPortAttempts = 100;

static_assert(proto::kWebRelayMax <= proto::kRelayMax);

}  // namespace

common::Result<SyncSockets> open_sync_sockets(const common::Endpoint& listen,
                                              const std::vector<MulticastGroup>& groups) {
  for (int attempts = 0;; ++attempts) {
    auto datagrams = SyncSocket::open(listen, groups);
    if (!datagrams) return tl::make_unexpected(datagrams.error());
    auto pulls = open_tcp((*datagrams)->local(), PortUse::alone);
    if (pulls) return SyncSockets{std::move(*datagrams), std::move(*pulls)};
    // A port that the kernel has chosen for datagrams may be taken for streams.
    if (listen.port != 0 || attempts == kPortAttempts) {
      return common::fail("sync.listen: " + pulls.error().message);
    }
  }
}

SyncDriver::SyncDriver(uv_loop_t* loop, const sync::Config& config, SyncSockets sockets,
                       std::vector<HostPort> seeds, SwarmStore& store, ClusterClock& clock)
    : clock_(clock),
      cluster_(config, store, now()),
      socket_(std::move(sockets.datagrams)),
      pull_server_(
          loop, std::move(sockets.pulls), PullServerLimits(), [this] { return now(); },
          [this](const common::Endpoint& /*from*/, common::ByteSpan request) {
            return cluster_.accept_pull(now(), request);
          }),
      pull_client_(loop, socket_->local(), PullClientLimits(),
                   {.received =
                        [this](uint64_t pull, common::ByteSpan bytes) {
                          cluster_.pull_received(now(), pull, bytes, outputs_);
                          carry_out();
                        },
                    .closed =
                        [this](uint64_t pull, const std::string& trouble) {
                          cluster_.pull_closed(now(), pull, trouble, outputs_);
                          carry_out();
                        }}),
      resolver_(loop, socket_->local().family, std::move(seeds),
                [this](std::vector<ResolvedPeer> resolved) {
                  std::vector<sync::NamedPeer> peers;
                  peers.reserve(resolved.size());
                  for (ResolvedPeer& one : resolved) {
                    peers.push_back({to_string(one.peer), std::move(one.addresses), std::move(one.trouble)});
                  }
                  cluster_.set_peers(std::move(peers));
                  cluster_.advance(now(), outputs_);
                  carry_out();
                }),
      deadline_timer_(loop, [this] { advance(); }),
      drain_timer_(loop, [this] { drain(); }),
      sweep_timer_(loop,
                   [this] {
                     if (run_sweep_.run_slice()) sweep_timer_.start(kSweepEveryMs);
                   }),
      run_sweep_(store, [this](uint64_t run) { return cluster_.is_live_run(run); }) {
  socket_->start(loop, [this](const sync::Received& received) {
    cluster_.receive(now(), received, outputs_);
    carry_out();
  });
  require_system(uv_async_init(loop, &wake_,
                               [](uv_async_t* async) {
                                 static_cast<SyncDriver*>(async->data)->drain_timer_.start(kDrainDelayMs);
                               }),
                 "make a wake-up");
  wake_.data = this;
  require_system(
      uv_async_init(loop, &relay_wake_,
                    [](uv_async_t* async) { static_cast<SyncDriver*>(async->data)->relay_outgoing(); }),
      "make a wake-up");
  relay_wake_.data = this;
  cluster_.advance(now(), outputs_);
  carry_out();
}

SyncDriver::~SyncDriver() = default;

std::function<void()> SyncDriver::waker() {
  return [this] { uv_async_send(&wake_); };
}

sync::Now SyncDriver::now() const { return {.mono_us = monotonic_us(), .unix_ms = ClusterClock::wall_ms()}; }

void SyncDriver::drain() {
  drained_.clear();
  for (DeltaQueue* queue : queues_) {
    queue->drain([&](const proto::OwnDelta& delta) { drained_.push_back(delta); });
  }
  if (drained_.empty()) return;
  cluster_.publish(now(), drained_, outputs_);
  carry_out();
}

void SyncDriver::set_web_hub(WebHub* hub) {
  web_hub_ = hub;
  web_hub_->on_outgoing([this] { uv_async_send(&relay_wake_); });
}

void SyncDriver::relay_outgoing() {
  if (outgoing_.empty()) web_hub_->take_outgoing(outgoing_);
  const size_t end = std::min(outgoing_.size(), relayed_ + kRelaysAtOnce);
  for (; relayed_ < end; ++relayed_)
    cluster_.relay(now(), outgoing_[relayed_].to_run, outgoing_[relayed_].bytes, outputs_);
  if (relayed_ == outgoing_.size()) {
    std::vector<OutgoingWebMessage>().swap(outgoing_);
    relayed_ = 0;
    // What has come since may have woken us for this turn already.
    web_hub_->take_outgoing(outgoing_);
  }
  if (!outgoing_.empty()) uv_async_send(&relay_wake_);
  carry_out();
}

void SyncDriver::publish_access(std::span<const proto::AccessChange> changes) {
  cluster_.publish_access(now(), changes, outputs_);
  carry_out();
}

void SyncDriver::publish_access(const proto::ForgottenOrigin& origin) {
  cluster_.publish_access(now(), origin, outputs_);
  carry_out();
}

void SyncDriver::publish_bans(std::span<const proto::BanChange> changes) {
  cluster_.publish_bans(now(), changes, outputs_);
  carry_out();
}

void SyncDriver::publish_bans(const proto::ForgottenOrigin& origin) {
  cluster_.publish_bans(now(), origin, outputs_);
  carry_out();
}

void SyncDriver::announce_client_load(uint32_t announces_per_s, uint32_t interval_s) {
  cluster_.announce_client_load(now(), announces_per_s, interval_s, outputs_);
  carry_out();
}

void SyncDriver::carry_out() {
  clock_.follow(cluster_.time_offset_ms(), cluster_.store_ticks_behind());
  if (!outputs_.sends.empty()) socket_->send(outputs_.sends);
  outputs_.sends.clear();
  for (const uint64_t pull : outputs_.pull_aborts) pull_client_.abort(pull);
  outputs_.pull_aborts.clear();
  for (const sync::PullStart& pull : outputs_.pulls) pull_client_.start(pull);
  outputs_.pulls.clear();
  for (const sync::LogEvent& event : outputs_.logs) {
    std::vector<common::LogField> fields;
    for (const auto& [key, value] : event.fields) fields.push_back({key, value});
    common::log_line(event.level, event.message, fields);
  }
  outputs_.logs.clear();
  if ((!outputs_.access_changes.empty() || outputs_.access_origins) && access_changed_)
    access_changed_(outputs_.access_changes);
  outputs_.access_changes.clear();
  outputs_.access_origins = false;
  if (!outputs_.ban_changes.empty() && bans_changed_) bans_changed_();
  outputs_.ban_changes.clear();
  if (!outputs_.runs_gone.empty()) {
    run_sweep_.add(outputs_.runs_gone);
    outputs_.runs_gone.clear();
    sweep_timer_.start(kSweepEveryMs);
  }
  if (web_hub_ != nullptr) {
    for (sync::Relayed& relayed : outputs_.relayed) {
      web_hub_->deliver(relayed.from_run, std::move(relayed.message));
    }
  }
  outputs_.relayed.clear();
  if (outputs_.load_snapshot && load_snapshot_) {
    outputs_.load_snapshot = false;
    load_snapshot_();
  }

  const int64_t wait_us = cluster_.deadline_us() - now().mono_us;
  const auto wait_ms = static_cast<uint64_t>(std::clamp<int64_t>((wait_us + 999) / 1000, 0, 1000));
  deadline_timer_.start(wait_ms);
}

void SyncDriver::advance() {
  cluster_.set_load(load_.permille());
  cluster_.advance(now(), outputs_);
  carry_out();
}

void SyncDriver::on_load_snapshot(std::function<void()> load) {
  load_snapshot_ = std::move(load);
  carry_out();
}

void SyncDriver::snapshot_merged(bool held) {
  cluster_.snapshot_merged(now(), held);
  carry_out();
}

void SyncDriver::set_keys(const std::vector<sync::ClusterKey>& keys) {
  cluster_.set_keys(now(), keys, outputs_);
  carry_out();
}

sync::Forgotten SyncDriver::forget(std::string_view name) {
  const sync::Forgotten forgotten = cluster_.forget(now(), name, outputs_);
  carry_out();
  return forgotten;
}

void SyncDriver::leave() {
  drain();
  cluster_.leave(now(), outputs_);
  carry_out();
}

void SyncDriver::stop() {
  socket_->stop();
  pull_server_.stop();
  pull_client_.stop();
  resolver_.stop();
  deadline_timer_.close();
  drain_timer_.close();
  sweep_timer_.close();
  // No wake-up may come once the handle is closed.
  if (web_hub_ != nullptr) web_hub_->on_outgoing(nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&relay_wake_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
}

}  // namespace shoal::node
