// LineWriter: writes lines to a descriptor that others share and somebody else reads, such as standard error,
// and never waits for the reader. Lines that nobody takes are dropped and counted; when the descriptor takes
// lines again, the first is a note of how many are missing. At most one line waits here: one of which a part
// has been written.
//
// The flags of the descriptor stay as they are, since the shell and other programs may use it too: a pipe or
// terminal is opened anew without blocking, a socket is written to with MSG_DONTWAIT, and where neither is
// possible, poll() is asked before every piece. Only a file on a disk that hangs can still make a caller
// wait.
//
// Any thread.

#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "node/os/file_descriptor.h"
#include "node/os/mutex.h"

namespace shoal::node {

class LineWriter {
 public:
  // A longer line is cut.
  static constexpr size_t kLineBytesMax = 32 << 10;

  // The line about lines that are missing, its line feed included.
  using Note = std::string (*)(uint64_t lines);

  // Does not own `fd`, which outlives the object.
  LineWriter(int fd, Note note);
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  // `line` ends with a line feed. Allocates nothing, unless a note is due.
  void write(std::string_view line);

  // Tries to write what is left of a line, and the note if one is due. Call it from time to time.
  void resume();

  // Lines not written since start.
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  enum class Kind : uint8_t {
    plain,   // a file, or our own opening of a pipe or terminal: write() does not wait
    socket,  // send() is told not to wait
    shared,  // write() would wait: poll() first
  };

  bool put(std::string_view line) REQUIRES(mutex_);
  void send_rest() REQUIRES(mutex_);
  int64_t write_some(std::string_view text);

  const Note note_;
  FileDescriptor own_;
  int fd_;
  Kind kind_ = Kind::plain;
  Mutex mutex_;
  std::string rest_ GUARDED_BY(mutex_);    // of a line that is partly written
  uint64_t noted_ GUARDED_BY(mutex_) = 0;  // of dropped_, those that a note told of
  std::atomic<uint64_t> dropped_{0};
};

}  // namespace shoal::node
