// RunningNode: one node of the flock, all its parts together. Opens every socket, drops privileges, starts
// the workers, and then is the control thread: signals, sync channel, admin endpoint, expiry.

#pragma once

#include <uv.h>

#include <memory>
#include <optional>
#include <vector>

#include "common/result.h"
#include "node/admin.h"
#include "node/cluster_clock.h"
#include "node/http_server.h"
#include "node/node_state.h"
#include "node/options.h"
#include "node/swarm_store.h"
#include "node/sync_driver.h"
#include "node/worker.h"

namespace shoal::node {

class RunningNode {
 public:
  // Ready to run(), or what is wrong. The options are checked already.
  static common::Result<std::unique_ptr<RunningNode>> start(const Options& options);
  ~RunningNode();
  RunningNode(const RunningNode&) = delete;
  RunningNode& operator=(const RunningNode&) = delete;

  // Serves until SIGTERM or SIGINT, then leaves the cluster in good order; a second signal exits at once.
  void run();

 private:
  struct Sockets;
  struct Keys;

  RunningNode(const Options& options, const Keys& keys, Sockets sockets);

  static common::Result<Keys> load_keys(const Options& options);
  static common::Result<Sockets> open_sockets(const Options& options, size_t workers);

  void start_workers(std::vector<std::vector<Socket>> udp, std::vector<std::vector<Socket>> http);
  void start_timers();
  void on_signal(int signal);
  void expire();
  void stop();
  NodeState state() const;
  Readiness readiness(const std::optional<sync::Status>& sync) const;

  const Options options_;
  const int64_t started_unix_ms_;
  const uint64_t started_mono_ms_;
  uv_loop_t loop_;
  ClusterClock clock_;
  SwarmStore store_;
  WorkerContext worker_context_;
  std::unique_ptr<SyncDriver> sync_;  // null: sync is off
  std::vector<std::unique_ptr<Worker>> workers_;
  HttpCounters admin_counters_;
  Admin admin_;
  std::unique_ptr<HttpServer> admin_server_;
  std::vector<std::unique_ptr<uv_signal_t>> signals_;
  uv_timer_t expiry_timer_;
  size_t expiry_shard_ = 0;
  bool stopping_ = false;
};

}  // namespace shoal::node
