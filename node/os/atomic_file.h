// AtomicFile: replaces a file atomically. The new content is written to PATH.tmp and renamed to PATH once it
// is complete and on disk; until then, and after any error, the old file stays. One thread.

#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "common/bytes.h"
#include "common/result.h"
#include "node/os/file_descriptor.h"

namespace shoal::node {

class AtomicFile {
 public:
  // `mode`: the permissions, 0600 or 0644. Overwrites an unfinished file of an earlier run.
  static common::Result<AtomicFile> create(const std::string& path, mode_t mode);
  ~AtomicFile();  // removes an uncommitted PATH.tmp
  AtomicFile(AtomicFile&&) noexcept = default;
  AtomicFile& operator=(AtomicFile&&) = delete;

  common::Result<void> write(common::ByteSpan bytes);

  // Replaces the old file. The new one then survives a power failure.
  common::Result<void> commit();

 private:
  AtomicFile(std::string path, FileDescriptor file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string unfinished() const { return path_ + ".tmp"; }
  tl::unexpected<common::Error> failed() const;

  std::string path_;
  FileDescriptor file_;  // closed: committed, or moved away
};

// The folder of a path; "." for a path without a slash.
std::string folder_of(const std::string& path);

// Checks that a file at `path` can be replaced. The error begins with `option` ("node.snapshot").
common::Result<void> check_replaceable(const std::string& option, const std::string& path);

}  // namespace shoal::node
