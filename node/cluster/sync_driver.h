// SyncDriver: runs sync::Cluster on the control thread's loop. It feeds the cluster with datagrams, the
// workers' deltas, seed addresses, the bytes of pulls and the time, and carries out its outputs. Control
// thread only.

#pragma once

#include <uv.h>

#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "node/cluster/delta_queue.h"
#include "node/cluster/pull_client.h"
#include "node/cluster/pull_server.h"
#include "node/cluster/sync_socket.h"
#include "node/net/resolver.h"
#include "node/net/timer.h"
#include "node/os/cpu_load.h"
#include "node/store/cluster_clock.h"
#include "node/store/run_sweep.h"
#include "node/websocket/web_hub.h"
#include "sync/cluster.h"

namespace shoal::node {

// The sockets of the sync channel: one for datagrams, and one that listens for pulls on the same address and
// port.
struct SyncSockets {
  std::unique_ptr<SyncSocket> datagrams;
  FileDescriptor pulls;
};

// Opens both; a port of 0 becomes one that is free for both. An error names the option.
common::Result<SyncSockets> open_sync_sockets(const common::Endpoint& listen,
                                              const std::vector<MulticastGroup>& groups);

class SyncDriver {
 public:
  // `store` and `clock` outlive the driver.
  SyncDriver(uv_loop_t* loop, const sync::Config& config, SyncSockets sockets, std::vector<HostPort> seeds,
             SwarmStore& store, ClusterClock& clock);
  ~SyncDriver();
  SyncDriver(const SyncDriver&) = delete;
  SyncDriver& operator=(const SyncDriver&) = delete;

  // Adds a worker's queue, which the driver drains on each wake-up. The queue must outlive the driver.
  void add_queue(DeltaQueue* queue) { queues_.push_back(queue); }

  // Carries messages between the web peers of this node and those of others. The hub must outlive the driver.
  void set_web_hub(WebHub* hub);

  // Returns the wake-up function for new queues. Any thread may call it while the driver lives.
  std::function<void()> waker();

  // Replaces the keys; at least one.
  void set_keys(const std::vector<sync::ClusterKey>& keys);

  void set_peers(std::vector<HostPort> peers) { resolver_.set_peers(std::move(peers)); }

  // Sets the maximum bytes per second: to one destination, and for all donations together (0: no limit).
  void set_pace(int64_t pace_bytes_per_s, int64_t donate_bytes_per_s) {
    cluster_.set_pace(pace_bytes_per_s, donate_bytes_per_s);
  }

  sync::Status status() const { return cluster_.status(now()); }
  const SyncSocketCounters& socket_counters() const { return socket_->counters(); }
  const PullServerCounters& pull_server_counters() const { return pull_server_.counters(); }
  const PullClientCounters& pull_client_counters() const { return pull_client_.counters(); }

  // Calls `changed` with the access list changes of other nodes that were new here.
  void on_access_changes(std::function<void(std::span<const proto::AccessChange>)> changed) {
    access_changed_ = std::move(changed);
  }
  // The same of bans, which are in the log already.
  void on_ban_changes(std::function<void()> changed) { bans_changed_ = std::move(changed); }
  // Calls `load` once, if sync::Config::snapshot is set: see sync::Outputs::load_snapshot.
  void on_load_snapshot(std::function<void()> load);
  void snapshot_merged(bool held);  // see sync::Cluster::snapshot_merged

  void publish_access(std::span<const proto::AccessChange> changes);
  void publish_access(const proto::ForgottenOrigin& origin);
  void publish_bans(std::span<const proto::BanChange> changes);
  void publish_bans(const proto::ForgottenOrigin& origin);

  void announce_client_load(uint32_t announces_per_s, uint32_t interval_s);

  sync::Forgotten forget(std::string_view name);

  // Publishes the queued deltas and tells the other nodes that this node leaves.
  void leave();

  // After leave(): whether the other nodes know it and have everything that was announced here.
  bool left_in_order() const { return cluster_.left_in_order(now()); }

  // Closes all handles. The driver must live until the loop has run the close callbacks.
  void stop();

 private:
  sync::Now now() const;
  void drain();
  void relay_outgoing();
  void carry_out();
  void advance();

  ClusterClock& clock_;
  sync::Cluster cluster_;
  std::unique_ptr<SyncSocket> socket_;
  PullServer pull_server_;
  PullClient pull_client_;
  Resolver resolver_;
  Timer deadline_timer_;
  Timer drain_timer_;
  Timer sweep_timer_;
  uv_async_t wake_;
  uv_async_t relay_wake_;
  RunSweep run_sweep_;
  WebHub* web_hub_ = nullptr;
  static constexpr size_t kRelaysAtOnce = 1024;  // in a turn of the loop
  std::vector<OutgoingWebMessage> outgoing_;     // taken from the hub
  size_t relayed_ = 0;                           // of these
  std::vector<DeltaQueue*> queues_;
  CpuLoad load_;
  std::vector<proto::OwnDelta> drained_;
  sync::Outputs outputs_;
  std::function<void(std::span<const proto::AccessChange>)> access_changed_;
  std::function<void()> bans_changed_;
  std::function<void()> load_snapshot_;
};

}  // namespace shoal::node
