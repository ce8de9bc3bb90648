#include "node/lifecycle/start_warnings.h"

#include <sys/stat.h>

#include <algorithm>

#include "node/text/printable.h"

namespace shoal::node {

namespace {

bool everyone_can_read(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0;
}

}  // namespace

std::vector<std::string> start_warnings(const Options& options, bool root) {
  std::vector<std::string> found;
  const auto readable = [&](const char* option, const std::string& path, const char* what) {
    if (path.empty() || !everyone_can_read(path)) return;
    found.push_back(std::string(option) + ": every user of this machine can read " + what + " " +
                    printable(path) + ": chmod 600");
  };
  if (root && options.node.user.empty())
    found.emplace_back("node.user: not set, so the node runs as root: name a user to switch to");
  if (options.sync.insecure) {
    found.emplace_back(
        "sync.insecure: anyone who reaches the sync port can add and remove peers, and anyone can make up "
        "connection ids, with which the UDP tracker answers to addresses that have not asked");
  }
  for (const std::string& path : options.sync.key_files) readable("sync.key_files", path, "the key file");
  for (const std::string& path : options.tracker.tls_keys) readable("tracker.tls_keys", path, "the key file");
  if (!options.tracker.tls_certificates.empty() && options.tracker.https.empty() && !options.admin.tls) {
    found.emplace_back("tracker.tls_certificates: has no effect without tracker.https or admin.tls");
  }
  readable("admin.token_file", options.admin.token_file, "the token file");
  if (options.admin.listen && common::is_wildcard(*options.admin.listen) &&
      options.admin.token_file.empty()) {
    found.emplace_back(
        "admin.listen: on all addresses without admin.token_file: everyone who reaches the port can read "
        "everything, peers' addresses included; keep it behind a firewall");
  }
  if (options.access.mode == AccessMode::open && !options.access.file.empty())
    found.emplace_back("access.file: has no effect, because access.mode is open");
  if (!options.xdp.interfaces.empty() && options.tracker.udp.empty())
    found.emplace_back("xdp.interfaces: has no effect, because tracker.udp is empty");
  const bool any_hashes = std::any_of(options.access.feeds.begin(), options.access.feeds.end(),
                                      [](const FeedSource& feed) { return feed.kind == FeedKind::hashes; });
  if (options.access.mode == AccessMode::open && any_hashes)
    found.emplace_back("access.feeds: lists of hashes have no effect, because access.mode is open");
  if (!options.access.feeds.empty() && options.access.feed_folder.empty()) {
    found.emplace_back(
        "access.feeds: without access.feed_folder no copy is kept: after a start they are not in force until "
        "they have been fetched");
  }
  return found;
}

}  // namespace shoal::node
