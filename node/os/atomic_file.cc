#include "node/os/atomic_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sodium/randombytes.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <string_view>
#include <utility>

#include "common/hex.h"
#include "node/text/printable.h"

namespace shoal::node {

using common::fail;

namespace {

// Makes the new name survive a power failure, too.
void sync_folder(const std::string& path) {
  const FileDescriptor folder(open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.is_open()) fsync(folder.get());
}

constexpr std::string_view kUnfinished = ".tmp-";
constexpr size_t kRandomDigits = 16;

// Nobody writes one file for so long.
constexpr time_t kLeftoverS = 3600;

std::string random_word() {
  std::array<uint8_t, kRandomDigits / 2> bytes;
  randombytes_buf(bytes.data(), bytes.size());
  return common::to_hex(bytes);
}

// Of a process that ended while it wrote.
void remove_leftovers(const std::string& path) {
  const std::string folder = folder_of(path);
  const size_t slash = path.rfind('/');
  const std::string begin =
      (slash == std::string::npos ? path : path.substr(slash + 1)) + std::string(kUnfinished);
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(opendir(folder.c_str()), closedir);
  if (listing == nullptr) return;
  const time_t now = time(nullptr);
  while (const dirent* entry = readdir(listing.get())) {
    const std::string_view name = entry->d_name;
    if (name.size() != begin.size() + kRandomDigits || !name.starts_with(begin)) continue;
    struct stat info {};
    const int at = dirfd(listing.get());
    if (fstatat(at, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISREG(info.st_mode) && info.st_uid == geteuid() && now - info.st_mtime > kLeftoverS)
      unlinkat(at, entry->d_name, 0);
  }
}

}  // namespace

common::Result<AtomicFile> AtomicFile::create(const std::string& path, mode_t mode) {
  remove_leftovers(path);
  const std::string unfinished = path + std::string(kUnfinished) + random_word();
  FileDescriptor file(open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!file.is_open()) return fail("cannot create " + printable(unfinished) + ": " + std::strerror(errno));
  return AtomicFile(path, unfinished, std::move(file));
}

AtomicFile::~AtomicFile() {
  if (!file_.is_open()) return;
  unlink(unfinished_.c_str());
}

tl::unexpected<common::Error> AtomicFile::failed() const {
  const int error = errno;
  return fail("cannot write " + printable(unfinished_) + ": " + std::strerror(error));
}

common::Result<void> AtomicFile::write(common::ByteSpan bytes) {
  if (!write_all(file_, bytes)) return failed();
  return {};
}

common::Result<void> AtomicFile::commit() {
  if (fsync(file_.get()) != 0 || std::rename(unfinished_.c_str(), path_.c_str()) != 0) return failed();
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
