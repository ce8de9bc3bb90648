#include "node/lifecycle/file_budget.h"

#include <algorithm>
#include <string>

namespace shoal::node {

namespace {

// libuv's for each loop: epoll, wake-ups, a pipe for signals, and one in reserve for accept().
constexpr size_t kLoopFiles = 6;

// Of the process: the log, random numbers, the service manager, the signals' pipe, the thread pool's loop.
constexpr size_t kProcessFiles = 12;

// For what comes and goes: name lookups, files that are read and written, pulls, requests of the operator.
constexpr size_t kPassingFiles = 32;

// The fewest HTTP connections with which a worker is of use.
constexpr size_t kConnectionsMin = 8;

// Left of what is not needed, for admin endpoint and pulls.
constexpr size_t kSpareFiles = 256;

constexpr size_t kAdminConnectionsMax = 128;
constexpr size_t kAdminConnectionsMin = 8;

}  // namespace

common::Result<FileBudget> file_budget(const Options& options, size_t workers, size_t open, size_t limit) {
  const auto& o = options;
  const size_t listeners = o.tracker.udp.size() + o.tracker.http.size() + o.tracker.https.size();
  size_t needed = open + kProcessFiles + kPassingFiles + kLoopFiles + workers * (kLoopFiles + listeners);
  if (o.admin.listen) needed += 1;
  if (o.sync.listen) needed += 2 + o.sync.multicast.size();
  if (!o.tracker.http.empty() || !o.tracker.https.empty()) needed += workers * kConnectionsMin;
  if (needed > limit) {
    return common::fail("open files: at most " + std::to_string(limit) +
                        " are allowed, and this node needs " + std::to_string(needed) +
                        ": raise the limit (ulimit -n, LimitNOFILE=), or lower node.workers");
  }
  const size_t rest = limit - needed;
  const size_t spare = std::min(kSpareFiles, rest / 2);
  FileBudget budget;
  budget.admin_connections = std::min(kAdminConnectionsMax, kAdminConnectionsMin + spare / 2);
  budget.http_connections = std::max<size_t>(
      1, std::min<size_t>(o.limits.connections, rest - spare + workers * kConnectionsMin) / workers);
  return budget;
}

}  // namespace shoal::node
