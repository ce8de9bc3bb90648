#include "node/access/access_fifo.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "node/os/surroundings.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

// Read per iteration of the loop: about 1500 lines.
constexpr size_t kFifoReadBytes = 64 << 10;

}  // namespace

common::Result<FileDescriptor> AccessFifo::open(const std::string& path) {
  const auto failed = [&](const std::string& why) { return common::fail(printable(path) + ": " + why); };
  if (mkfifo(path.c_str(), S_IRUSR | S_IWUSR) != 0 && errno != EEXIST) {
    return failed(std::string("cannot create the FIFO: ") + std::strerror(errno));
  }
  // Opened for writing as well: while we are a writer, the FIFO does not end when another writer closes it.
  FileDescriptor fifo(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!fifo.is_open() || fstat(fifo.get(), &info) != 0) {
    return failed(std::string("cannot be opened: ") + std::strerror(errno));
  }
  if (!S_ISFIFO(info.st_mode)) return failed("is not a FIFO");
  return fifo;
}

AccessFifo::AccessFifo(uv_loop_t* loop, FileDescriptor fifo, OnLines on_lines)
    : fifo_(std::move(fifo)), on_lines_(std::move(on_lines)), buffer_(kFifoReadBytes) {
  require_system(uv_poll_init(loop, &poll_, fifo_.get()), "watch a FIFO");
  poll_.data = this;
  require_system(uv_poll_start(&poll_, UV_READABLE,
                               [](uv_poll_t* poll, int /*status*/, int /*events*/) {
                                 static_cast<AccessFifo*>(poll->data)->read_once();
                               }),
                 "watch a FIFO");
}

void AccessFifo::close() { uv_close(reinterpret_cast<uv_handle_t*>(&poll_), nullptr); }

void AccessFifo::read_once() {
  const ssize_t got = read(fifo_.get(), buffer_.data(), buffer_.size());
  if (got <= 0) return;
  std::vector<common::InfoHash> hashes;
  size_t bad_lines = 0;
  lines_.feed({buffer_.data(), static_cast<size_t>(got)}, [&](std::string_view line) {
    common::InfoHash hash;
    const AccessLine kind = read_access_line(line, hash);
    if (kind == AccessLine::hash) hashes.push_back(hash);
    if (kind == AccessLine::bad) ++bad_lines;
    return true;
  });
  if (!hashes.empty() || bad_lines > 0) on_lines_(std::move(hashes), bad_lines);
}

}  // namespace shoal::node
