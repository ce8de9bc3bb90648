// AtomicFile: a file that replaces the one of its name all at once, when it is whole and on disk; until then,
// and if it never is, the old one stays. Written as PATH.tmp. One thread.

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
  // `mode`: who may read it; 0600 or 0644. An unfinished file of an earlier run is written over.
  static common::Result<AtomicFile> create(const std::string& path, mode_t mode);
  ~AtomicFile();  // removes what has not been committed
  AtomicFile(AtomicFile&&) noexcept = default;
  AtomicFile& operator=(AtomicFile&&) = delete;

  common::Result<void> write(common::ByteSpan bytes);

  // Puts it in the old one's place. Survives a power failure from then on.
  common::Result<void> commit();

 private:
  AtomicFile(std::string path, FileDescriptor file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string unfinished() const { return path_ + ".tmp"; }
  tl::unexpected<common::Error> failed() const;

  std::string path_;
  FileDescriptor file_;  // closed: committed, or moved away
};

// The folder a path is in; "." without a slash.
std::string folder_of(const std::string& path);

// Whether a file of this path can be replaced, said of `option` ("node.snapshot").
common::Result<void> check_replaceable(const std::string& option, const std::string& path);

}  // namespace shoal::node
