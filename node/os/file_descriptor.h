// FileDescriptor: the one owner of an open descriptor, be it a file, a FIFO or a socket: closes it when it
// goes. Not shared between threads.

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
  // Takes what open(), socket() and the like return; -1: none.
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

  // Gives the descriptor away, to an owner that closes it itself.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

  // False: the system found an error only now, and errno is it.
  [[nodiscard]] bool close() { return fd_ < 0 || ::close(release()) == 0; }

 private:
  int fd_ = -1;
};

// Writes all of it, or returns false and leaves the reason in errno. Blocking.
bool write_all(const FileDescriptor& file, common::ByteSpan bytes);

// Fills `out` and returns how many bytes there were: fewer only at the end of the file, or after an error,
// whose errno is then in `error`. Blocking.
size_t read_full(const FileDescriptor& file, std::span<uint8_t> out, int& error);

}  // namespace shoal::node
