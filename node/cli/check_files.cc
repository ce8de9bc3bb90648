#include "node/cli/check_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "node/access/access_list.h"
#include "node/access/access_state.h"
#include "node/admin/admin_token.h"
#include "node/cluster/key_file.h"
#include "node/os/atomic_file.h"
#include "node/os/files.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

class FileChecks {
 public:
  explicit FileChecks(const Options& options) : root_(options.node.chroot) {}

  template <class Value>
  void note(const char* option, const common::Result<Value>& read) {
    if (!read) wrong_.push_back(std::string(option) + ": " + read.error().message);
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
      note(option, !S_ISREG(info.st_mode) ? common::fail(printable(path) + " is not a regular file")
                   : access(path.c_str(), R_OK) != 0 ? unreadable(path)
                                                     : common::Result<void>());
      return S_ISREG(info.st_mode);
    }
    if (errno != ENOENT || stat(folder_of(path).c_str(), &info) != 0) note(option, unreadable(path));
    return false;
  }

  std::vector<std::string> wrong() && { return std::move(wrong_); }

 private:
  static common::Result<void> unreadable(const std::string& path) {
    return common::fail(printable(path) + ": " + std::strerror(errno));
  }

  std::string root_;
  std::vector<std::string> wrong_;
};

common::Result<sync::AccessLog> read_state(const std::string& path) {
  const auto text = read_file(path, kAccessStateBytesMax);
  if (!text) return tl::make_unexpected(text.error());
  return parse_access_state(printable(path), *text);
}

}  // namespace

std::vector<std::string> wrong_files(const Options& options) {
  FileChecks checks(options);
  for (const std::string& path : options.sync.key_files) checks.note("sync.key_files", load_key_file(path));
  if (!options.admin.token_file.empty())
    checks.note("admin.token_file", load_admin_token(options.admin.token_file));
  const Options::Access& access = options.access;
  if (access.mode != AccessMode::open && !access.file.empty())
    checks.note("access.file", load_access_file(checks.behind_root(access.file)));
  if (!access.state_file.empty()) {
    const std::string path = checks.behind_root(access.state_file);
    if (checks.writable_place("access.state_file", path)) checks.note("access.state_file", read_state(path));
  }
  for (const auto& [option, path] : {std::pair("node.snapshot", options.node.snapshot),
                                     std::pair("admin.export_file", options.admin.export_file)}) {
    if (!path.empty()) checks.writable_place(option, checks.behind_root(path));
  }
  return std::move(checks).wrong();
}

}  // namespace shoal::node
