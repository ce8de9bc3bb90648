// NodeState: what the admin endpoint shows, collected from all parts of the running node. Plain values, read
// on the control thread.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "node/access/access_control.h"
#include "node/access/place_counter.h"
#include "node/bans/ban_control.h"
#include "node/cluster/pull_client.h"
#include "node/cluster/pull_server.h"
#include "node/feeds/feed_state.h"
#include "node/limits/limit.h"
#include "node/scan/exporter.h"
#include "node/snapshot/snapshot_keeper.h"
#include "node/status/admin_refusals.h"
#include "node/status/readiness.h"
#include "node/status/recent_faults.h"
#include "node/status/serving_faults.h"
#include "node/status/timings.h"
#include "node/store/swarm_store.h"
#include "node/tls/tls_certificate.h"
#include "node/tracker/worker_counters.h"
#include "node/websocket/web_hub.h"
#include "node/xdp/shield_status.h"
#include "sync/cluster.h"

namespace shoal::node {

// Full scrapes, since start.
struct DumpCounts {
  uint64_t begun = 0;
  uint64_t bytes = 0;  // as sent, after compression
  uint64_t refused_too_often = 0;
  uint64_t refused_busy = 0;
};

struct NodeState {
  std::string name;
  std::string cluster;
  int64_t started_unix_ms = 0;
  int64_t uptime_s = 0;
  Readiness readiness;
  StoreTotals store;
  std::vector<const WorkerCounters*> workers;  // and the shield, as one more
  std::optional<ShieldStatus> shield;          // none: xdp.interfaces is empty
  LimitHits limit_hits{};
  uint64_t queue_dropped = 0;        // deltas the workers could not hand to the sync channel
  std::optional<sync::Status> sync;  // none: sync is off
  uint64_t sync_dropped_send = 0;
  uint64_t sync_dropped_receive = 0;
  AccessStatus access;
  std::optional<PlaceStatus> places;  // none: access.geo_counts is off
  std::vector<FeedStatus> feeds;
  BanStatus bans;
  uint32_t interval_s = 0;                          // that clients are told, before the jitter
  double announces_per_s = 0;                       // of this node's clients, lately
  const PullServerCounters* pull_server = nullptr;  // as long as sync is on
  const PullClientCounters* pull_client = nullptr;
  uint64_t reloads = 0;
  uint64_t reloads_failed = 0;             // after which everything stayed as it was
  std::string reload_error;                // why the last reload failed; empty: it did not
  std::vector<std::string> need_restart;   // options that have changed since the start, as last read
  std::string key_ids;                     // of the keys in use, the one that seals first; empty: none
  uint64_t key_reloads = 0;                // reloads that brought new keys or the same
  uint64_t key_reloads_failed = 0;         // reloads that failed because of them
  std::optional<SnapshotStatus> snapshot;  // none: off
  std::optional<ExportStatus> exports;     // none: off
  DumpCounts dumps;
  AdminRefusals::Counts admin_refused{};     // requests to the admin endpoint, by AdminRefused
  uint64_t log_lines_dropped = 0;            // since nobody read them
  FaultCounts lately;                        // of the last 5 minutes
  FaultCounts last_hour;                     // or since start, if that was later
  Latency latency;                           // of the last 5 minutes
  std::string member_url;                    // admin.member_url
  std::vector<ServingFault> serving_faults;  // those that last
  const WebHubCounters* web_hub = nullptr;   // as long as tracker.websocket is true
  bool tls = false;                          // tracker.https or admin.tls
  std::vector<TlsCertificateInfo> certificates;
  int64_t unix_s = 0;  // now
};

}  // namespace shoal::node
