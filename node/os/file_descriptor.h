// FileDescriptor: the only owner of an open file, FIFO or socket. Closes it when destroyed. Not shared
// between threads.

#pragma once

#include <unistd.h>

#include <cstdint>
#include <span>
#include <utility>

#include "common/bytes.h"

namespace shoal::node {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  // Owns `fd`, as open() or socket() returned it; -1: none.
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { (void)close(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      (void)close();
      fd_ = other.release();
    }
    return *this;
  }

  bool is_open() const { return fd_ >= 0; }
  int get() const { return fd_; }  // -1: none

  // Gives up ownership: the caller closes the descriptor.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

  // False: the system reported an error (such as a delayed write error) in errno.
  [[nodiscard]] bool close() { return fd_ < 0 || ::close(release()) == 0; }

 private:
  int fd_ = -1;
};

// Writes all bytes, or returns false with the reason in errno. Blocks.
bool write_all(const FileDescriptor& file, common::ByteSpan bytes);

// Fills `out` and returns the number of bytes read. They are fewer only at the end of the file or after an
// error, whose errno is then stored in `error`. Blocks.
size_t read_full(const FileDescriptor& file, std::span<uint8_t> out, int& error);

}  // namespace shoal::node
