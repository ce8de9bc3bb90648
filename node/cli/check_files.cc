#include "node/cli/check_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "node/access/access_list.h"
#include "node/access/access_state.h"
#include "node/access/network_file.h"
#include "node/access/places.h"
#include "node/admin/admin_token.h"
#include "node/cluster/key_file.h"
#include "node/os/atomic_file.h"
#include "node/os/files.h"
#include "node/status/problems.h"
#include "node/text/amount_text.h"
#include "node/text/printable.h"
#include "node/tls/tls_certificate.h"
#include "node/tls/tls_context.h"

namespace shoal::node {

namespace {

class FileChecks {
 public:
  explicit FileChecks(const Options& options) : root_(options.node.chroot) {}

  template <class Value>
  void note(const char* option, const common::Result<Value>& read) {
    if (!read) found_.errors.push_back(std::string(option) + ": " + read.error().message);
  }

  // The path, from here, of a file that a node opens inside node.chroot.
  std::string behind_root(const std::string& path) const {
    const bool is_root = root_.empty() || root_ == "/";
    return is_root ? path : root_ + (path.starts_with('/') ? "" : "/") + path;
  }

  // Checks a file that a node creates if it is missing: its folder must exist. True: the file exists.
  bool writable_place(const char* option, const std::string& path) {
    struct stat info {};
    if (stat(path.c_str(), &info) == 0) {
      note(option, !S_ISREG(info.st_mode)              ? fail(path, "is not a regular file")
                   : ::access(path.c_str(), R_OK) != 0 ? unreadable(path)
                                                       : common::Result<void>());
      return S_ISREG(info.st_mode);
    }
    if (errno != ENOENT || stat(folder_of(path).c_str(), &info) != 0) note(option, unreadable(path));
    return false;
  }

  // A FIFO that a node creates if it is missing.
  void fifo(const char* option, const std::string& path) {
    struct stat info {};
    if (stat(path.c_str(), &info) == 0) {
      if (!S_ISFIFO(info.st_mode)) note(option, fail(path, "is not a FIFO"));
    } else if (errno != ENOENT || stat(folder_of(path).c_str(), &info) != 0) {
      note(option, unreadable(path));
    }
  }

  void root() {
    struct stat info {};
    if (root_.empty()) return;
    if (stat(root_.c_str(), &info) != 0) return note("node.chroot", unreadable(root_));
    if (!S_ISDIR(info.st_mode)) note("node.chroot", fail(root_, "is not a folder"));
  }

  // Each pair by itself, so that all that is wrong is told.
  void certificates(const Options::Tracker& options, TlsVersion min_version) {
    const int64_t now_unix_s = std::time(nullptr);
    const size_t pairs = std::min(options.tls_certificates.size(), options.tls_keys.size());
    for (size_t i = 0; i < pairs; ++i) {
      auto pair = load_tls_certificate(options.tls_certificates[i], options.tls_keys[i]);
      note_plain(pair);
      if (!pair) continue;
      const TlsCertificateInfo info = pair->info;
      dates(info, now_unix_s);
      if (info.names.empty()) {
        found_.warnings.push_back("tracker.tls_certificates: " + printable(info.file) +
                                  ": has no names (SAN): clients refuse it");
      }
      warn_of_slow_key(info, found_.warnings);
      // OpenSSL refuses weak keys and signatures only here.
      std::vector<TlsCertificate> alone;
      alone.push_back(std::move(*pair));
      note_plain(TlsContext::make(std::move(alone), min_version));
    }
  }

  // The access list and the run-time changes of it.
  void access(const Options::Access& options) {
    size_t listed = 0;
    bool known = true;
    if (options.mode != AccessMode::open && !options.file.empty()) {
      const auto list = load_access_file(behind_root(options.file));
      note("access.file", list);
      known = list.has_value();
      if (list) listed = list->size();
    }
    common::NetworkSet::Builder denied;
    for (const std::string& file : options.deny_network_files) {
      note("access.deny_network_files", load_network_file(behind_root(file), denied));
    }
    Options::Access places = options;
    for (std::string& path : places.geo_databases) path = behind_root(path);
    if (auto read = read_places(places, denied); !read) found_.errors.push_back(read.error().message);
    // What they hold is not fetched here.
    for (const FeedSource& feed : options.feeds) known = known && feed.kind != FeedKind::hashes;
    if (!options.feed_folder.empty())
      writable_place("access.feed_folder", behind_root(options.feed_folder) + "/NAME.feed");
    if (!options.state_file.empty()) {
      const std::string path = behind_root(options.state_file);
      if (writable_place("access.state_file", path)) {
        const auto state = read_state(path);
        note("access.state_file", state);
        known = known && state.has_value();
        if (state) state->for_each([&](const auto& change) { listed += change.listed ? 1 : 0; });
      }
    }
    if (options.mode != AccessMode::allow || !known || listed > 0) return;
    found_.warnings.emplace_back(
        "access.mode: allow, but the access list lists nothing: no swarm is served until it does "
        "(access.file, `shoal access add`)");
  }

  Findings found() && { return std::move(found_); }

 private:
  // The error names its option.
  template <class Value>
  void note_plain(const common::Result<Value>& read) {
    if (!read) found_.errors.push_back(read.error().message);
  }

  void dates(const TlsCertificateInfo& info, int64_t now_unix_s) {
    const int64_t left_s = info.not_after_unix_s - now_unix_s;
    std::string text;
    if (left_s < 0) {
      text = "has expired: clients refuse it, and so does a reload";
    } else if (left_s < kCertificateSoonS) {
      text = "expires in " + seconds_text(static_cast<uint64_t>(left_s));
    } else if (info.not_before_unix_s > now_unix_s) {
      text = "is not valid yet: clients refuse it";
    } else {
      return;
    }
    found_.warnings.push_back("tracker.tls_certificates: " + printable(info.file) + ": " + text);
  }

  static common::Result<void> fail(const std::string& path, const char* why) {
    return common::fail(printable(path) + " " + why);
  }
  static common::Result<void> unreadable(const std::string& path) {
    return common::fail(printable(path) + ": " + std::strerror(errno));
  }

  static common::Result<sync::AccessLog> read_state(const std::string& path) {
    const auto text = read_text_file(path, kAccessStateBytesMax);
    if (!text) return tl::make_unexpected(text.error());
    return parse_access_state(printable(path), *text);
  }

  std::string root_;
  Findings found_;
};

}  // namespace

Findings check_files(const Options& options) {
  FileChecks checks(options);
  checks.root();
  for (const std::string& path : options.sync.key_files) checks.note("sync.key_files", load_key_file(path));
  checks.certificates(options.tracker, options.tls.min_version);
  if (!options.admin.token_file.empty())
    checks.note("admin.token_file", load_admin_token(options.admin.token_file));
  checks.access(options.access);
  for (const auto& [option, path] : {std::pair("node.snapshot", options.node.snapshot),
                                     std::pair("admin.export_file", options.admin.export_file)}) {
    if (!path.empty()) checks.writable_place(option, checks.behind_root(path));
  }
  for (const auto& [option, path] : {std::pair("access.fifo_add", options.access.fifo_add),
                                     std::pair("access.fifo_delete", options.access.fifo_delete)}) {
    if (!path.empty()) checks.fifo(option, checks.behind_root(path));
  }
  return std::move(checks).found();
}

}  // namespace shoal::node
