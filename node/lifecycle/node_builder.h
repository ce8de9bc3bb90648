// From checked options to the parts of a node. Everything a start can fail by happens here, before a thread
// runs or a client is served. One thread; nothing here outlives the start.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/result.h"
#include "node/access/access_control.h"
#include "node/cluster/node_keys.h"
#include "node/cluster/sync_driver.h"
#include "node/config/options.h"
#include "node/lifecycle/service_notify.h"
#include "node/os/file_descriptor.h"
#include "node/os/heap_pages.h"
#include "node/os/memory_limit.h"
#include "node/scan/exporter.h"
#include "node/snapshot/snapshot_keeper.h"
#include "node/tracker/worker_counters.h"
#include "sync/cluster.h"

namespace shoal::node {

// What is read and opened before the node runs.
struct NodeParts {
  NodeKeys keys;
  std::string admin_token;  // empty: none
  std::unique_ptr<ServiceNotify> service;
  std::vector<std::vector<FileDescriptor>> udp;   // by worker, then by tracker.udp
  std::vector<std::vector<FileDescriptor>> http;  // by worker, then by tracker.http
  FileDescriptor admin;                           // closed: admin.listen is not set
  SyncSockets sync;                               // no datagrams: sync.listen is not set
  HeapPages heap_pages;                           // reads files that a new root does not show
  MemoryLimit memory;                             // the same
  AccessControl::Start access;
  std::vector<std::string> warnings;  // of start_warnings()
};

// Reads keys and token, opens every socket, drops privileges, then checks the files the node will write. An
// error names the option. Not undone on failure: the process is to end.
common::Result<NodeParts> build_parts(const Options& options);

// node.workers, or the number of CPUs that may be used.
size_t worker_count(const Options& options);

// The most HTTP connections of each worker, where the process may open `files_max` files: some are left for
// all else, and limits.connections is shared among the workers. At least 1.
size_t http_connections_max(size_t connections_limit, size_t files_max, size_t workers);

// HttpLimits::waiting_bytes_max of each worker.
size_t http_waiting_bytes_max(size_t workers);

std::vector<std::unique_ptr<WorkerCounters>> make_counters(size_t workers);

uint64_t random_u64();

// `started_unix_ms` with some random bits makes the incarnation. sync::Config::access_log is left to the
// caller.
sync::Config sync_config(const Options& options, const NodeKeys& keys, int64_t started_unix_ms);

Exporter::Settings exporter_settings(const Options& options);
SnapshotKeeper::Settings snapshot_settings(const Options& options);

constexpr int64_t bytes_per_s(uint32_t mbit_s) { return int64_t{mbit_s} * 1'000'000 / 8; }

}  // namespace shoal::node
