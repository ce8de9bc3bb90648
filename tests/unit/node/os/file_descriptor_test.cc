#include "node/os/file_descriptor.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <array>
#include <cerrno>
#include <string>

#include "common/bytes.h"

using namespace shoal;
using node::FileDescriptor;

namespace {

bool is_open(int fd) { return fcntl(fd, F_GETFD) != -1; }

struct Pipe {
  Pipe() {
    std::array<int, 2> ends;
    REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
    out = FileDescriptor(ends[0]);
    in = FileDescriptor(ends[1]);
  }
  FileDescriptor out;
  FileDescriptor in;
};

}  // namespace

TEST_CASE("file descriptor: one that goes closes what it owns, one that was moved from does not") {
  int fd = -1;
  {
    Pipe pipe;
    fd = pipe.in.get();
    FileDescriptor taken(std::move(pipe.in));
    CHECK(!pipe.in.is_open());
    CHECK(taken.get() == fd);
    pipe.in = FileDescriptor();
    CHECK(is_open(fd));
  }
  CHECK(!is_open(fd));
}

TEST_CASE("file descriptor: being assigned another one closes the first") {
  Pipe pipe;
  const int first = pipe.in.get();
  const int second = pipe.out.get();
  pipe.in = std::move(pipe.out);
  CHECK(!is_open(first));
  CHECK(is_open(second));
  CHECK(pipe.in.get() == second);
  FileDescriptor& same = pipe.in;
  pipe.in = std::move(same);
  CHECK(pipe.in.get() == second);
  CHECK(is_open(second));
}

TEST_CASE("file descriptor: what is given away stays open") {
  Pipe pipe;
  const int fd = pipe.in.release();
  CHECK(!pipe.in.is_open());
  CHECK(pipe.in.close());
  CHECK(is_open(fd));
  CHECK(FileDescriptor(fd).close());
}

TEST_CASE("file descriptor: closing says whether it worked, and none is closed twice") {
  CHECK(FileDescriptor().close());
  Pipe pipe;
  CHECK(pipe.in.close());
  CHECK(pipe.in.close());
  // Somebody closed what is ours.
  const int fd = pipe.out.get();
  REQUIRE(::close(fd) == 0);
  CHECK(!pipe.out.close());
  CHECK(errno == EBADF);
}

TEST_CASE("file descriptor: all is written and read, or the reason is told") {
  Pipe pipe;
  const std::string text = "swarm";
  REQUIRE(write_all(pipe.in, common::bytes_of(text)));
  REQUIRE(write_all(pipe.in, common::bytes_of(text)));
  std::array<uint8_t, 8> bytes;
  int error = 0;
  CHECK(read_full(pipe.out, bytes, error) == 8);
  CHECK(std::string(bytes.begin(), bytes.end()) == "swarmswa");
  REQUIRE(pipe.in.close());
  CHECK(read_full(pipe.out, bytes, error) == 2);
  CHECK(read_full(pipe.out, bytes, error) == 0);
  CHECK(error == 0);
  CHECK(read_full(FileDescriptor(), bytes, error) == 0);
  CHECK(error == EBADF);
  CHECK(!write_all(pipe.out, common::bytes_of(text)));  // the end that is for reading
  CHECK(errno == EBADF);
}
