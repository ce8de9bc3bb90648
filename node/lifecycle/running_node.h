// RunningNode: one running node, all its parts together, and the control thread that drives them: signals,
// sync channel, admin endpoint, reloads, upkeep. Its parts come from node_builder.
//
// An orderly shutdown has four steps: drain (node/lifecycle/drain.h); stop the workers; tell the other nodes,
// and send what they missed until they have all of it or kLingerMs are over, while the snapshot is written;
// exit.

#pragma once

#include <uv.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "node/access/access_control.h"
#include "node/access/place_counter.h"
#include "node/admin/admin.h"
#include "node/bans/ban_control.h"
#include "node/cluster/node_keys.h"
#include "node/cluster/sync_driver.h"
#include "node/config/options.h"
#include "node/feeds/feeds.h"
#include "node/http/http_server.h"
#include "node/lifecycle/drain.h"
#include "node/lifecycle/node_builder.h"
#include "node/lifecycle/node_limits.h"
#include "node/lifecycle/node_upkeep.h"
#include "node/lifecycle/readiness_log.h"
#include "node/lifecycle/reloader.h"
#include "node/lifecycle/service_notify.h"
#include "node/lifecycle/serving_watch.h"
#include "node/net/timer.h"
#include "node/scan/exporter.h"
#include "node/scan/full_scrapes.h"
#include "node/scan/top_swarms.h"
#include "node/snapshot/snapshot_keeper.h"
#include "node/status/node_state.h"
#include "node/status/readiness.h"
#include "node/store/cluster_clock.h"
#include "node/store/swarm_store.h"
#include "node/tls/ticket_keys.h"
#include "node/tls/tls_context.h"
#include "node/tracker/interval_control.h"
#include "node/tracker/opentracker_page.h"
#include "node/tracker/worker.h"
#include "node/websocket/web_hub.h"
#include "node/xdp/shield_control.h"

namespace shoal::node {

class RunningNode {
 public:
  // Ready to run(), or what is wrong. The options are checked already. `reload` reads the options anew, on
  // any thread.
  static common::Result<std::unique_ptr<RunningNode>> start(const Options& options,
                                                            std::function<common::Result<Options>()> reload);
  ~RunningNode();
  RunningNode(const RunningNode&) = delete;
  RunningNode& operator=(const RunningNode&) = delete;

  // Serves until SIGTERM, SIGINT or a drain over the admin endpoint, then leaves the cluster in good order; a
  // second signal ends the process at once, with exit code 1.
  void run();

 private:
  struct Loop {
    Loop();
    uv_loop_t uv;
  };

  RunningNode(const Options& options, std::function<common::Result<Options>()> reload, NodeParts parts);

  AccessControl::Hooks access_hooks();
  Feeds::Hooks feed_hooks();
  BanControl::Hooks ban_hooks();
  void set_tracker();
  AdminContext admin_context();
  void start_sync(SyncSockets sockets);
  void start_shield(ShieldControl::Start start);
  void start_snapshot();
  void start_workers(std::vector<std::vector<FileDescriptor>> udp,
                     std::vector<std::vector<FileDescriptor>> http,
                     std::vector<std::vector<FileDescriptor>> https);
  void start_signals();
  void on_signal(int signal);
  void follow_time();
  bool drain(std::string_view cause);

  void reload(const std::string& cause, Reloader::Done done);
  void reload_failed(const ReloadFailure& failure);
  void apply(Reload reload);
  void apply(Apply target);  // hands its options to the part that they are for
  void apply_keys(NodeKeys keys);
  void refused(AdminRefused why, const common::Endpoint& client);
  bool make_tickets();                           // if their epoch is another; true: it was
  void share_tls();                              // with all who serve TLS
  void warn(std::vector<std::string> warnings);  // of those that are new

  void stop();
  void linger();
  void step_done();
  void close();
  std::vector<ServingFault> serving_faults() const;
  void log_limits() const;
  Readiness readiness() const;
  NodeState state() const;

  Options options_;  // as they run
  NodeKeys keys_;
  TicketSource tickets_;
  uint64_t ticket_epoch_ = 0;
  TlsLayer tls_;                       // what new connections of TLS use
  std::string admin_token_;            // empty: none
  std::vector<std::string> warnings_;  // logged, and still true
  uint64_t key_reloads_ = 0;
  uint64_t key_reloads_failed_ = 0;
  const int64_t started_unix_ms_;
  const int64_t started_mono_ms_;
  Loop loop_;
  ClusterClock clock_;
  SwarmStore store_;
  TopSwarms top_;
  FullScrapes full_scrapes_;
  const std::vector<std::unique_ptr<WorkerCounters>> counters_;  // of the workers, and of the shield
  NodeLimits limits_;
  std::atomic<uint64_t> synced_peers_{0};  // deltas received, for any thread
  OpentrackerPage opentracker_;
  Drain drain_;
  PlaceCounter places_;
  AccessControl access_;
  Feeds feeds_;
  // The access list's generation when this node was first in step with the other nodes.
  mutable std::optional<uint64_t> access_got_;
  BanControl bans_;
  IntervalControl load_;
  WebHub web_hub_;
  WorkerContext worker_context_;
  std::unique_ptr<SyncDriver> sync_;  // null: sync is off
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<ShieldControl> shield_;     // null: xdp.interfaces is empty
  std::unique_ptr<SnapshotKeeper> snapshot_;  // null: off
  std::unique_ptr<Exporter> exporter_;
  NodeUpkeep upkeep_;
  Reloader reloader_;
  HttpCounters admin_counters_;
  AdminRefusals admin_refusals_;
  Admin admin_;
  std::unique_ptr<HttpServer> admin_server_;
  std::unique_ptr<ServiceNotify> service_;
  ReadinessLog readiness_log_;
  ServingWatch serving_watch_;
  std::vector<std::unique_ptr<uv_signal_t>> signals_;
  Timer linger_timer_;
  Timer log_timer_;
  int64_t linger_until_ms_ = 0;  // by monotonic_ms()
  int steps_left_ = 0;           // of stop(), before close()
  bool signalled_ = false;
};

// Serves until it is told to stop; returns the exit code of the process. `reload` as above.
int run_node(Options options, std::function<common::Result<Options>()> reload);

}  // namespace shoal::node
