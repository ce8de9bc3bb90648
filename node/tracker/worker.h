// Worker: one thread with its own libuv loop, its own UDP sockets and HTTP listeners, answering from the
// shared store.

#pragma once

#include <uv.h>

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "common/siphash.h"
#include "node/cluster/delta_queue.h"
#include "node/http/http_server.h"
#include "node/limits/stale_id_answers.h"
#include "node/os/mutex.h"
#include "node/scan/full_scrapes.h"
#include "node/store/cluster_clock.h"
#include "node/tracker/http_tracker.h"
#include "node/tracker/opentracker_page.h"
#include "node/tracker/tracker.h"
#include "node/tracker/udp_server.h"
#include "node/tracker/web_tracker.h"
#include "node/tracker/worker_counters.h"
#include "node/websocket/web_hub.h"

namespace shoal::node {

// What all workers share; outlives them.
struct WorkerContext {
  SwarmStore& store;
  const ClusterClock& clock;
  TrackerSettings tracker;                       // those at start
  HttpLimits http_limits;                        // per worker
  TlsLayer tls;                                  // that at start; only read by the workers' constructors
  std::vector<common::SipKey> connection_keys;   // at least one; those at start
  std::shared_ptr<const AnnouncePolicy> policy;  // that at start; null: everything may be announced
  const std::atomic<bool>& draining;             // true: HTTP connections end with their next answer
  FullScrapes& full_scrapes;
  OpentrackerPage& opentracker;
  WebHub& web_hub;
};

class Worker {
 public:
  // The sockets are already bound, so that errors appear at start and privileges can be dropped first; those
  // of `https` need WorkerContext::tls.
  // `number` counts the workers from 0. `counters` belong to this worker and outlive it. `queue` is null
  // without a sync channel. `cpu` pins the thread to one of the CPUs that this process may use, counted from
  // 0 and wrapping around; none: the system chooses.
  Worker(const WorkerContext& context, uint16_t number, WorkerCounters& counters,
         std::unique_ptr<DeltaQueue> queue, std::vector<FileDescriptor> udp, std::vector<FileDescriptor> http,
         std::vector<FileDescriptor> https, uint64_t seed, std::optional<size_t> cpu);
  // Stops the thread if it is still running.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Sets the keys for connection ids, at least one. They apply soon, between two batches. Control thread.
  void set_connection_keys(std::vector<common::SipKey> keys);

  // Sets what may be announced; null: everything. Applies soon. Control thread.
  void set_policy(std::shared_ptr<const AnnouncePolicy> policy);

  // Sets who is banned; null: nobody. Applies soon. Control thread.
  void set_bans(std::shared_ptr<const BanIndex> bans);

  // Sets new settings, which apply soon. Control thread.
  void set_settings(std::shared_ptr<const TrackerSettings> settings);

  // Sets what new TLS connections use. Applies soon. Control thread.
  void set_tls(TlsLayer layer);

  // Stops serving and joins the thread. The queue keeps what it holds, to be drained.
  void stop();

  // Control thread; null when there is no sync channel.
  DeltaQueue* queue() { return queue_.get(); }

 private:
  void run();
  void handle_message();
  void apply_to_http();
  void deliver_web();

  const WorkerContext& context_;
  const uint16_t number_;
  const std::unique_ptr<DeltaQueue> queue_;
  const std::optional<size_t> cpu_;
  std::vector<FileDescriptor> udp_sockets_;
  std::vector<FileDescriptor> http_sockets_;
  std::vector<FileDescriptor> https_sockets_;
  TlsLayer first_tls_;  // until the thread takes it
  WorkerCounters& counters_;
  Tracker tracker_;
  uv_loop_t loop_;
  uv_async_t wake_;
  Mutex message_mutex_;
  bool stop_asked_ GUARDED_BY(message_mutex_) = false;
  std::vector<common::SipKey> next_keys_ GUARDED_BY(message_mutex_);  // empty: none
  // None: no change.
  std::optional<std::shared_ptr<const AnnouncePolicy>> next_policy_ GUARDED_BY(message_mutex_);
  std::optional<TlsLayer> next_tls_ GUARDED_BY(message_mutex_);
  std::optional<std::shared_ptr<const BanIndex>> next_bans_ GUARDED_BY(message_mutex_);  // none: no change
  std::shared_ptr<const TrackerSettings> next_settings_ GUARDED_BY(message_mutex_);      // null: no change
  std::vector<common::SipKey> connection_keys_;  // the worker's thread only
  UdpBatchPtr batch_;
  StaleIdAnswers stale_ids_;
  std::vector<std::unique_ptr<UdpServer>> udp_;
  HttpTracker http_tracker_;
  WebTracker web_tracker_;
  uv_async_t web_wake_;
  std::unique_ptr<HttpServer> http_;
  std::thread thread_;
};

}  // namespace shoal::node
