#include "node/lifecycle/node_builder.h"

#include <sodium/randombytes.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "node/admin/admin_token.h"
#include "node/config/option_values.h"
#include "node/config/resolve_options.h"
#include "node/config/version.h"
#include "node/lifecycle/node_limits.h"
#include "node/lifecycle/start_warnings.h"
#include "node/net/sockets.h"
#include "node/os/atomic_file.h"
#include "node/os/privileges.h"
#include "node/os/surroundings.h"
#include "node/os/usable_cpus.h"

namespace shoal::node {

using common::Result;

namespace {

// Files that the process was started with have low numbers.
constexpr size_t kInheritedFilesMax = 4096;

// Input and answers that wait for HTTP clients: of all workers, and at least of one.
constexpr size_t kWaitingBytesMax = 32 << 20;
constexpr size_t kWaitingBytesMin = 2 << 20;

tl::unexpected<common::Error> failed(const char* option, const common::Error& error) {
  return common::fail(std::string(option) + ": " + error.message);
}

Result<void> open_tracker_sockets(const Options& options, NodeParts& parts) {
  const size_t workers = worker_count(options);
  auto udp = open_for_workers(options.tracker.udp, Transport::udp, workers);
  if (!udp) return failed("tracker.udp", udp.error());
  auto http = open_for_workers(options.tracker.http, Transport::tcp, workers);
  if (!http) return failed("tracker.http", http.error());
  auto https = open_for_workers(options.tracker.https, Transport::tcp, workers);
  if (!https) return failed("tracker.https", https.error());
  parts.https = std::move(*https);
  parts.udp = std::move(*udp);
  parts.http = std::move(*http);
  return {};
}

Result<void> open_other_sockets(const Options& options, NodeParts& parts) {
  if (options.admin.listen) {
    auto socket = open_tcp(*options.admin.listen, PortUse::alone);
    if (!socket) return failed("admin.listen", socket.error());
    parts.admin = std::move(*socket);
  }
  if (options.sync.listen) {
    auto sockets = open_sync_sockets(*options.sync.listen, options.sync.multicast);
    if (!sockets) return tl::make_unexpected(sockets.error());
    parts.sync = std::move(*sockets);
  }
  return {};
}

Result<void> share_files(const Options& options, NodeParts& parts) {
  const size_t workers = worker_count(options);
  const size_t limit = raise_open_files();
  auto budget = file_budget(options, workers, count_open_files(std::min(limit, kInheritedFilesMax)), limit);
  if (!budget) return tl::make_unexpected(budget.error());
  parts.files = *budget;
  const size_t connections = budget->http_connections * workers;
  if (serves_http(options) && connections < options.limits.connections / workers * workers) {
    parts.warnings.push_back("limits.connections: " + std::to_string(connections) + " instead of " +
                             std::to_string(options.limits.connections) + ", because at most " +
                             std::to_string(limit) + " open files are allowed (ulimit -n, LimitNOFILE=)");
  }
  return {};
}

Result<void> check_written_files(const Options& options) {
  for (const auto& [option, path] : {std::pair("node.snapshot", options.node.snapshot),
                                     std::pair("admin.export_file", options.admin.export_file)}) {
    if (path.empty()) continue;
    if (auto usable = check_replaceable(option, path); !usable) return usable;
  }
  return {};
}

}  // namespace

Result<NodeParts> build_parts(const Options& options) {
  NodeParts parts;
  parts.memory = memory_limit("");
  parts.warnings = start_warnings(options, geteuid() == 0);
  if (auto shared = share_files(options, parts); !shared) return tl::make_unexpected(shared.error());
  auto keys = load_node_keys(options);
  if (!keys) return tl::make_unexpected(keys.error());
  parts.keys = std::move(*keys);
  auto tls = TlsContext::load(options);
  if (!tls) return tl::make_unexpected(tls.error());
  parts.tls = std::move(*tls);
  if (parts.tls) {
    for (const TlsCertificateInfo& one : parts.tls->certificates()) warn_of_slow_key(one, parts.warnings);
  }
  if (!options.admin.token_file.empty()) {
    auto token = load_admin_token(options.admin.token_file);
    if (!token) return common::fail("admin.token_file: " + token.error().message);
    parts.admin_token = std::move(*token);
  }
  parts.service = std::make_unique<ServiceNotify>(ServiceVariables::from_environment());
  if (auto opened = open_tracker_sockets(options, parts); !opened) {
    return tl::make_unexpected(opened.error());
  }
  if (auto opened = open_other_sockets(options, parts); !opened) return tl::make_unexpected(opened.error());
  if (!options.xdp.interfaces.empty()) parts.shield = ShieldControl::open(options.xdp, random_key());
  // A new root may not show libcurl.
  if (auto usable = Feeds::check_library(options.access); !usable) return tl::make_unexpected(usable.error());
  if (auto dropped = drop_privileges(options.node.user, options.node.chroot); !dropped) {
    return tl::make_unexpected(dropped.error());
  }
  // As the user the node runs as, in the root it runs in.
  if (auto usable = check_written_files(options); !usable) return tl::make_unexpected(usable.error());
  if (auto usable = Feeds::check_folder(options.access); !usable) return tl::make_unexpected(usable.error());
  auto access = AccessControl::prepare(options.access);
  if (!access) return tl::make_unexpected(access.error());
  parts.access = std::move(*access);
  parts.feeds = Feeds::load_copies(options.access);
  parts.access.fed = parts.feeds.lists;
  return parts;
}

std::vector<common::Endpoint> skip_missing_families(Options& options,
                                                    const std::function<bool(common::Family)>& has) {
  std::vector<common::Endpoint> skipped;
  const auto missing = [&](const common::Endpoint& address) { return !has(address.family); };
  const Options defaults = default_options();
  const auto skip = [&](std::vector<common::Endpoint>& addresses,
                        const std::vector<common::Endpoint>& by_default) {
    if (addresses != by_default || std::all_of(addresses.begin(), addresses.end(), missing)) return;
    const auto end = std::stable_partition(addresses.begin(), addresses.end(), std::not_fn(missing));
    for (auto at = end; at != addresses.end(); ++at) {
      if (std::find(skipped.begin(), skipped.end(), *at) == skipped.end()) skipped.push_back(*at);
    }
    addresses.erase(end, addresses.end());
  };
  skip(options.tracker.udp, defaults.tracker.udp);
  skip(options.tracker.http, defaults.tracker.http);
  return skipped;
}

size_t worker_count(const Options& options) {
  const size_t cpus = usable_cpus(own_cpu_quota_permille());
  return options.node.workers > 0 ? options.node.workers : std::min<size_t>(cpus, kWorkersMax);
}

size_t http_waiting_bytes_max(size_t workers) {
  return std::max(kWaitingBytesMin, kWaitingBytesMax / workers);
}

bool serves_http(const Options& options) {
  return !options.tracker.http.empty() || !options.tracker.https.empty();
}

size_t handshakes_max(size_t workers) { return std::max(kHandshakesMin, kHandshakesMax / workers); }

std::vector<std::unique_ptr<WorkerCounters>> make_counters(size_t workers) {
  std::vector<std::unique_ptr<WorkerCounters>> counters(workers);
  for (auto& one : counters) one = std::make_unique<WorkerCounters>();
  return counters;
}

uint64_t random_u64() {
  uint64_t value;
  randombytes_buf(&value, sizeof value);
  return value;
}

uint64_t make_incarnation(int64_t started_unix_ms) {
  return static_cast<uint64_t>(started_unix_ms) << 16 | (random_u64() & 0xffff);
}

sync::Config sync_config(const Options& options, const NodeKeys& keys, uint64_t incarnation) {
  sync::Config config;
  config.name = options.node.name;
  config.seed = random_u64();
  config.incarnation = incarnation;
  config.cluster = options.sync.cluster;
  config.site = options.sync.site;
  config.keys = keys.cluster;
  config.insecure = options.sync.insecure;
  config.advertise = options.sync.advertise;
  config.peers_named = !options.sync.peers.empty();
  config.multicast_groups = options.sync.multicast.size();
  config.peer_timeout_s = options.tracker.peer_timeout_s;
  config.version = version();
  config.snapshot = !options.node.snapshot.empty();
  config.pace_bytes_per_s = bytes_per_s(options.sync.pace_mbit_s);
  config.donate_bytes_per_s = bytes_per_s(options.sync.donate_mbit_s);
  return config;
}

ConfineSettings confine_settings(const Options& options) {
  ConfineSettings settings{.filter_calls = options.node.confine_calls,
                           .guard_files = options.node.confine_files,
                           .written_folders = {}};
  for (const std::string* path :
       {&options.node.snapshot, &options.admin.export_file, &options.access.state_file}) {
    if (!path->empty()) settings.written_folders.push_back(folder_of(*path));
  }
  if (!options.access.feed_folder.empty()) settings.written_folders.push_back(options.access.feed_folder);
  return settings;
}

Exporter::Settings exporter_settings(const Options& options) {
  return {options.admin.export_file, options.admin.export_format, options.admin.export_interval_s};
}

SnapshotKeeper::Settings snapshot_settings(const Options& options) {
  return {options.node.snapshot,
          options.node.snapshot_interval_s,
          {options.sync.cluster, options.tracker.peer_timeout_s}};
}

}  // namespace shoal::node
