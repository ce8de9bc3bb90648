#include "node/access/line_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "node/os/file_descriptor.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

constexpr size_t kReadBytes = 1 << 20;
constexpr std::string_view kUtf8Mark = "\xef\xbb\xbf";

// Counts lines and keeps the first error.
class Lines {
 public:
  Lines(const std::string& path, const std::function<std::string(std::string_view)>& visit)
      : path_(path), visit_(visit) {}

  bool add(std::string_view line) {
    ++number_;
    if (number_ == 1) {
      if (line.starts_with(kUtf8Mark)) line.remove_prefix(kUtf8Mark.size());
      if (line.starts_with("\xff\xfe") || line.starts_with("\xfe\xff")) {
        error_ = printable(path_) + ": is UTF-16; save it as UTF-8";
        return false;
      }
    }
    const std::string wrong = visit_(line);
    if (wrong.empty()) return true;
    error_ = printable(path_) + ":" + std::to_string(number_) + ": " + wrong;
    return false;
  }

  common::Result<void> result() const {
    return error_.empty() ? common::Result<void>() : common::fail(error_);
  }

 private:
  const std::string& path_;
  const std::function<std::string(std::string_view)>& visit_;
  size_t number_ = 0;
  std::string error_;
};

}  // namespace

common::Result<void> for_each_line(const std::string& path,
                                   const std::function<std::string(std::string_view)>& visit,
                                   const std::function<void(size_t)>& size) {
  const auto failed = [&](const std::string& why) { return common::fail(printable(path) + ": " + why); };
  // O_NONBLOCK: a FIFO of that name must not block us forever.
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!file.is_open() || fstat(file.get(), &info) != 0) {
    return failed(std::string("cannot be read: ") + std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) return failed("is not a regular file");
  if (size) size(static_cast<size_t>(info.st_size));
  Lines lines(path, visit);
  LineSplitter splitter;
  std::string buffer(kReadBytes, '\0');
  for (;;) {
    const ssize_t got = read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(std::string("cannot be read: ") + std::strerror(errno));
    if (got == 0) break;
    const auto add = [&](std::string_view line) { return lines.add(line); };
    if (!splitter.feed(std::string_view(buffer).substr(0, static_cast<size_t>(got)), add))
      return lines.result();
  }
  if (!splitter.rest().empty()) lines.add(splitter.rest());
  return lines.result();
}

}  // namespace shoal::node
