#include "node/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "node/file_descriptor.h"
#include "node/printable.h"

namespace shoal::node {

common::Result<std::string> read_file(const std::string& path, size_t bytes_max) {
  const auto failed = [&](const std::string& why) { return common::fail(printable(path) + ": " + why); };
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (!file) return failed(std::string("cannot be read: ") + std::strerror(errno));
  std::string text(bytes_max + 1, '\0');
  errno = 0;
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return failed(std::string("cannot be read: ") + std::strerror(errno));
  if (text.size() > bytes_max) return failed("is larger than " + std::to_string(bytes_max) + " bytes");
  return text;
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

common::Result<void> replace_file(const std::string& path, std::string_view text) {
  const std::string unfinished = path + ".tmp";
  const auto failed = [&] {
    const int error = errno;
    unlink(unfinished.c_str());
    return common::fail(printable(path) + ": cannot be written: " + std::strerror(error));
  };
  FileDescriptor file(
      open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file.is_open()) return failed();
  if (!write_all(file.get(), text) || fsync(file.get()) != 0 || !file.close_now()) return failed();
  if (std::rename(unfinished.c_str(), path.c_str()) != 0) return failed();
  return {};
}

}  // namespace shoal::node
