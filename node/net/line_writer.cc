#include "node/net/line_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

namespace shoal::node {

namespace {

// Where a pipe has room at all, it has room for this much.
constexpr size_t kPieceBytes = PIPE_BUF;

constexpr std::string_view kCut = "...\n";

// The same pipe or terminal, opened again: with flags of its own. Closed: not allowed, or no reader is there.
FileDescriptor opened_anew(int fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  return FileDescriptor(open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

}  // namespace

LineWriter::LineWriter(int fd, Note note) : note_(note), fd_(fd) {
  rest_.reserve(kLineBytesMax);  // write() allocates nothing
  struct stat info {};
  if (fstat(fd, &info) != 0) return;
  if (S_ISSOCK(info.st_mode)) {
    kind_ = Kind::socket;
  } else if (S_ISFIFO(info.st_mode) || isatty(fd) != 0) {
    own_ = opened_anew(fd);
    kind_ = own_.is_open() ? Kind::plain : Kind::shared;
    if (own_.is_open()) fd_ = own_.get();
  }
}

void LineWriter::write(std::string_view line) {
  const Lock lock(mutex_);
  send_rest();
  if (rest_.empty()) {
    // The note goes with the line, or there would be notes alone where only they find room.
    const uint64_t missing = dropped() - noted_;
    if (missing == 0 ? put(line) : put(note_(missing) + std::string(line))) {
      noted_ += missing;
      return;
    }
  }
  dropped_.fetch_add(1, std::memory_order_relaxed);
}

void LineWriter::resume() {
  const Lock lock(mutex_);
  send_rest();
  const uint64_t missing = dropped() - noted_;
  if (rest_.empty() && missing > 0 && put(note_(missing))) noted_ += missing;
}

// False: nothing of it could be written. Otherwise all of it will be, unless the descriptor fails for good.
bool LineWriter::put(std::string_view line) {
  rest_ = line.substr(0, kLineBytesMax);
  if (rest_.size() < line.size()) rest_.replace(rest_.size() - kCut.size(), kCut.size(), kCut);
  const size_t whole = rest_.size();
  send_rest();
  if (rest_.size() < whole) return true;
  rest_.clear();
  return false;
}

void LineWriter::send_rest() {
  while (!rest_.empty()) {
    const int64_t written = write_some(rest_);
    if (written <= 0) return;
    rest_.erase(0, static_cast<size_t>(written));
  }
}

int64_t LineWriter::write_some(std::string_view text) {
  while (true) {
    ssize_t written = 0;
    if (kind_ == Kind::socket) {
      written = send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (kind_ == Kind::shared) {
      pollfd ready{.fd = fd_, .events = POLLOUT, .revents = 0};
      if (poll(&ready, 1, 0) != 1) return 0;
      written = ::write(fd_, text.data(), std::min(text.size(), kPieceBytes));
    } else {
      written = ::write(fd_, text.data(), text.size());
    }
    if (written >= 0 || errno != EINTR) return written;
  }
}

}  // namespace shoal::node
