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

// So that the new name survives a power failure as well.
void sync_folder(const std::string& path) {
  const int fd = open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

}  // namespace

common::Result<AtomicFile> AtomicFile::create(const std::string& path, mode_t mode) {
  const std::string unfinished = path + ".tmp";
  const int fd = open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
  if (fd < 0) return fail("cannot create " + printable(unfinished) + ": " + std::strerror(errno));
  return AtomicFile(path, fd);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(unfinished().c_str());
}

tl::unexpected<common::Error> AtomicFile::failed() const {
  const int error = errno;
  return fail("cannot write " + printable(unfinished()) + ": " + std::strerror(error));
}

common::Result<void> AtomicFile::write(common::ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failed();
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return {};
}

common::Result<void> AtomicFile::commit() {
  if (fsync(fd_) != 0 || std::rename(unfinished().c_str(), path_.c_str()) != 0) return failed();
  sync_folder(path_);
  close(std::exchange(fd_, -1));
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
    return fail(option + ": " + printable(path) + " is no file");
  }
  const std::string folder = folder_of(path);
  if (access(folder.c_str(), W_OK | X_OK) != 0) {
    return fail(option + ": cannot write into " + printable(folder) + ": " + std::strerror(errno));
  }
  return {};
}

}  // namespace shoal::node
