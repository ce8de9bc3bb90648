#include "node/os/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "node/text/printable.h"

namespace shoal::node {

using common::fail;

namespace {

// Makes the new name survive a power failure, too.
void sync_folder(const std::string& path) {
  const FileDescriptor folder(open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.is_open()) fsync(folder.get());
}

}  // namespace

common::Result<AtomicFile> AtomicFile::create(const std::string& path, mode_t mode) {
  const std::string unfinished = path + ".tmp";
  FileDescriptor file(open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!file.is_open()) return fail("cannot create " + printable(unfinished) + ": " + std::strerror(errno));
  return AtomicFile(path, std::move(file));
}

AtomicFile::~AtomicFile() {
  if (!file_.is_open()) return;
  unlink(unfinished().c_str());
}

tl::unexpected<common::Error> AtomicFile::failed() const {
  const int error = errno;
  return fail("cannot write " + printable(unfinished()) + ": " + std::strerror(error));
}

common::Result<void> AtomicFile::write(common::ByteSpan bytes) {
  if (!write_all(file_, bytes)) return failed();
  return {};
}

common::Result<void> AtomicFile::commit() {
  if (fsync(file_.get()) != 0 || std::rename(unfinished().c_str(), path_.c_str()) != 0) return failed();
  sync_folder(path_);
  (void)file_.close();  // cannot lose anything: all data is on disk
  return {};
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

common::Result<void> check_replaceable(const std::string& option, const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return fail(option + ": " + printable(path) + " is not a regular file");
  }
  const std::string folder = folder_of(path);
  if (access(folder.c_str(), W_OK | X_OK) != 0) {
    return fail(option + ": cannot write into " + printable(folder) + ": " + std::strerror(errno));
  }
  return {};
}

}  // namespace shoal::node
