// SyncDriver: runs sync::Cluster on the control thread's loop: feeds it datagrams, the workers' deltas, seed
// addresses and the time, and carries out what it asks for. Control thread only.

#pragma once

#include <uv.h>

#include <functional>
#include <memory>
#include <vector>

#include "node/cluster_clock.h"
#include "node/cpu_load.h"
#include "node/delta_queue.h"
#include "node/resolver.h"
#include "node/sync_socket.h"
#include "sync/cluster.h"

namespace shoal::node {

class SyncDriver {
 public:
  // `swarms` and `clock` outlive the driver.
  SyncDriver(uv_loop_t* loop, sync::Config config, std::unique_ptr<SyncSocket> socket,
             std::vector<HostPort> seeds, sync::Swarms& swarms, ClusterClock& clock);
  ~SyncDriver();
  SyncDriver(const SyncDriver&) = delete;
  SyncDriver& operator=(const SyncDriver&) = delete;

  // Workers' queues are drained here when their wake-up comes. They must outlive the driver's use.
  void add_queue(DeltaQueue* queue) { queues_.push_back(queue); }

  // The wake-up for new queues; may be called on any thread while the driver lives.
  std::function<void()> waker();

  // Keys from now on; at least one.
  void set_keys(const std::vector<sync::ClusterKey>& keys);

  sync::Status status() const { return cluster_.status(now()); }
  const SyncSocketCounters& socket_counters() const { return socket_->counters(); }

  // Publishes what is queued and tells the others that this node leaves; goes on answering them until stop().
  void leave();

  // Closes all handles; the driver must live until the loop has run the close callbacks.
  void stop();

 private:
  sync::Now now() const;
  void drain();
  void carry_out();

  uv_loop_t* const loop_;
  ClusterClock& clock_;
  sync::Cluster cluster_;
  std::unique_ptr<SyncSocket> socket_;
  Resolver resolver_;
  uv_timer_t deadline_timer_;
  uv_timer_t drain_timer_;
  uv_async_t wake_;
  std::vector<DeltaQueue*> queues_;
  CpuLoad load_;
  std::vector<proto::OwnDelta> drained_;
  sync::Outputs outputs_;
};

}  // namespace shoal::node
