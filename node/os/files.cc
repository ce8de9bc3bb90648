#include "node/os/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "common/bytes.h"
#include "node/os/atomic_file.h"
#include "node/os/file_descriptor.h"
#include "node/text/printable.h"

namespace shoal::node {

common::Result<std::string> read_file(const std::string& path, size_t bytes_max) {
  const auto failed = [&](const std::string& why) { return common::fail(printable(path) + ": " + why); };
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (!file) return failed(std::string("cannot be read: ") + std::strerror(errno));
  // In pieces: most files are far smaller than they may be.
  std::string text;
  std::array<char, 4096> piece;
  errno = 0;
  while (text.size() <= bytes_max) {
    const size_t got =
        std::fread(piece.data(), 1, std::min(piece.size(), bytes_max + 1 - text.size()), file.get());
    text.append(piece.data(), got);
    if (got == 0) break;
  }
  if (std::ferror(file.get()) != 0) return failed(std::string("cannot be read: ") + std::strerror(errno));
  if (text.size() > bytes_max) return failed("is larger than " + std::to_string(bytes_max) + " bytes");
  return text;
}

common::Result<std::string> read_large_file(const std::string& path, size_t bytes_max) {
  const auto failed = [&](const std::string& why) { return common::fail(printable(path) + ": " + why); };
  const auto unreadable = [&] { return failed(std::string("cannot be read: ") + std::strerror(errno)); };
  // O_NONBLOCK: a FIFO of that name must not block us forever.
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!file.is_open() || fstat(file.get(), &info) != 0) return unreadable();
  if (!S_ISREG(info.st_mode)) return failed("is not a regular file");
  if (static_cast<uint64_t>(info.st_size) > bytes_max)
    return failed("is larger than " + std::to_string(bytes_max) + " bytes");
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = read(file.get(), bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable();
    if (got == 0) return failed("became shorter while it was read");
    have += static_cast<size_t>(got);
  }
  return bytes;
}

common::Result<size_t> byte_order_mark(std::string_view begin) {
  using namespace std::string_view_literals;
  constexpr std::string_view kUtf8 = "\xef\xbb\xbf"sv;
  constexpr const char* kInstead = ": save it as UTF-8 or ASCII";
  if (begin.starts_with(kUtf8)) return kUtf8.size();
  if (begin.starts_with("\xff\xfe\0\0"sv) || begin.starts_with("\0\0\xfe\xff"sv))
    return common::fail(std::string("is text in UTF-32") + kInstead);
  if (begin.starts_with("\xff\xfe"sv) || begin.starts_with("\xfe\xff"sv))
    return common::fail(std::string("is text in UTF-16") + kInstead);
  return 0;
}

common::Result<std::string> read_text_file(const std::string& path, size_t bytes_max) {
  auto text = read_file(path, bytes_max);
  if (!text) return text;
  const auto mark = byte_order_mark(*text);
  if (!mark) return common::fail(printable(path) + ": " + mark.error().message);
  text->erase(0, *mark);
  return text;
}

common::Result<void> replace_file(const std::string& path, std::string_view text) {
  auto file = AtomicFile::create(path, S_IRUSR | S_IWUSR);
  if (!file) return tl::make_unexpected(file.error());
  auto written = file->write(common::bytes_of(text));
  return written ? file->commit() : written;
}

}  // namespace shoal::node
