// From checked options to the parts of a node. Everything a start can fail by happens here, before a thread
// runs or a client is served. One thread; nothing here outlives the start.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/result.h"
#include "node/access/access_control.h"
#include "node/cluster/node_keys.h"
#include "node/cluster/sync_driver.h"
#include "node/config/options.h"
#include "node/feeds/feeds.h"
#include "node/lifecycle/confine.h"
#include "node/lifecycle/file_budget.h"
#include "node/lifecycle/service_notify.h"
#include "node/os/file_descriptor.h"
#include "node/os/heap_pages.h"
#include "node/os/memory_limit.h"
#include "node/scan/exporter.h"
#include "node/snapshot/snapshot_keeper.h"
#include "node/tls/tls_context.h"
#include "node/tracker/worker_counters.h"
#include "node/xdp/shield_control.h"
#include "sync/cluster.h"

namespace shoal::node {

// What is read and opened before the node runs.
struct NodeParts {
  NodeKeys keys;
  std::string admin_token;  // empty: none
  std::unique_ptr<ServiceNotify> service;
  std::vector<std::vector<FileDescriptor>> udp;    // by worker, then by tracker.udp
  std::vector<std::vector<FileDescriptor>> http;   // by worker, then by tracker.http
  std::vector<std::vector<FileDescriptor>> https;  // by worker, then by tracker.https
  std::shared_ptr<const TlsContext> tls;           // null: no certificates are named
  FileDescriptor admin;                            // closed: admin.listen is not set
  SyncSockets sync;                                // no datagrams: sync.listen is not set
  ShieldControl::Start shield;                     // nothing: xdp.interfaces is empty
  HeapPages heap_pages;                            // reads files that a new root does not show
  MemoryLimit memory;                              // the same
  AccessControl::Start access;
  Feeds::Start feeds;
  FileBudget files;
  std::vector<std::string> warnings;  // of start_warnings(), and about `files` and `tls`
};

// Reads keys, certificates and token, opens every socket, drops privileges, then checks the files the node
// will write. An error names the option. Not undone on failure: the process is to end.
common::Result<NodeParts> build_parts(const Options& options);

// Takes the addresses out of tracker.udp and tracker.http, where these are the defaults, whose family the
// kernel does not have, unless it has none of them. Returns those taken out.
std::vector<common::Endpoint> skip_missing_families(Options& options,
                                                    const std::function<bool(common::Family)>& has);

// node.workers, or the number of CPUs that may be used.
size_t worker_count(const Options& options);

// HttpLimits::waiting_bytes_max of each worker.
size_t http_waiting_bytes_max(size_t workers);

// Whether it has HTTP connections, with TLS or without.
bool serves_http(const Options& options);

// HttpLimits::handshakes_max of each worker.
size_t handshakes_max(size_t workers);

std::vector<std::unique_ptr<WorkerCounters>> make_counters(size_t workers);

uint64_t random_u64();

// Of a run that started then.
uint64_t make_incarnation(int64_t started_unix_ms);

// sync::Config::access_log is left to the caller.
sync::Config sync_config(const Options& options, const NodeKeys& keys, uint64_t incarnation);

// Folders of the files that the node writes while it runs.
ConfineSettings confine_settings(const Options& options);

Exporter::Settings exporter_settings(const Options& options);
SnapshotKeeper::Settings snapshot_settings(const Options& options);

constexpr int64_t bytes_per_s(uint32_t mbit_s) { return int64_t{mbit_s} * 1'000'000 / 8; }

}  // namespace shoal::node
