// AtomicFile: replaces a file atomically. The new content is written to PATH.tmp-RANDOM, a file that nobody
// else can have made, and renamed to PATH once it is complete and on disk; until then, and after any error,
// the old file stays. One thread.

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
  // `mode`: the permissions, 0600 or 0644. Removes unfinished files of earlier runs.
  static common::Result<AtomicFile> create(const std::string& path, mode_t mode);
  ~AtomicFile();  // removes an uncommitted file
  AtomicFile(AtomicFile&&) noexcept = default;
  AtomicFile& operator=(AtomicFile&&) = delete;

  common::Result<void> write(common::ByteSpan bytes);

  // Replaces the old file. The new one then survives a power failure.
  common::Result<void> commit();

 private:
  AtomicFile(std::string path, std::string unfinished, FileDescriptor file)
      : path_(std::move(path)), unfinished_(std::move(unfinished)), file_(std::move(file)) {}
  tl::unexpected<common::Error> failed() const;

  std::string path_;
  std::string unfinished_;
  FileDescriptor file_;  // closed: committed, or moved away
};

// The folder of a path; "." for a path without a slash.
std::string folder_of(const std::string& path);

// Checks that a file at `path` can be replaced. The error begins with `option` ("node.snapshot").
common::Result<void> check_replaceable(const std::string& option, const std::string& path);

}  // namespace shoal::node
