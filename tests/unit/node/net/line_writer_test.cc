#include "node/net/line_writer.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <thread>

using namespace shoal;
using node::FileDescriptor;
using node::LineWriter;

namespace {

std::string note(uint64_t lines) { return std::to_string(lines) + " missing\n"; }

struct Ends {
  FileDescriptor reads;
  FileDescriptor writes;
};

Ends new_pipe() {
  std::array<int, 2> ends;
  REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

Ends new_sockets() {
  std::array<int, 2> ends;
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

// All that can be read now.
std::string drained(const FileDescriptor& from) {
  std::string all;
  REQUIRE(fcntl(from.get(), F_SETFL, O_NONBLOCK) == 0);
  std::array<char, 4096> piece;
  for (ssize_t got = 0; (got = read(from.get(), piece.data(), piece.size())) > 0;)
    all.append(piece.data(), static_cast<size_t>(got));
  return all;
}

// Lines of a kilobyte until some are dropped, and a few more.
void fill(LineWriter& writer) {
  const std::string line = std::string(999, 'x') + "\n";
  for (int i = 0; i < 10'000 && writer.dropped() < 5; ++i) writer.write(line);
  REQUIRE(writer.dropped() == 5);
}

void check_drops_and_resumes(LineWriter& writer, const FileDescriptor& reads) {
  fill(writer);
  std::string text = drained(reads);
  writer.resume();
  writer.write("next\n");
  text += drained(reads);
  // Whole lines, then the note, then what came after it.
  size_t lines = 0;
  while (text.starts_with('x')) {
    CHECK(text.find('\n') == 999);
    text.erase(0, 1000);
    ++lines;
  }
  CHECK(lines > 50);
  CHECK(text == "5 missing\nnext\n");
  CHECK(writer.dropped() == 5);
}

}  // namespace

TEST_CASE("line writer: a pipe that nobody reads drops lines, and says so when it is read again") {
  const Ends pipe = new_pipe();
  LineWriter writer(pipe.writes.get(), note);
  check_drops_and_resumes(writer, pipe.reads);
  // Whoever shares the descriptor finds it as it was.
  CHECK((fcntl(pipe.writes.get(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("line writer: journald's kind of socket") {
  const Ends sockets = new_sockets();
  LineWriter writer(sockets.writes.get(), note);
  check_drops_and_resumes(writer, sockets.reads);
  CHECK((fcntl(sockets.writes.get(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("line writer: a pipe that may not be opened again, since it is another user's") {
  if (geteuid() != 0) return;
  const Ends pipe = new_pipe();
  std::optional<LineWriter> writer;
  std::thread([&] {
    setfsuid(65534);
    writer.emplace(pipe.writes.get(), note);
  }).join();
  check_drops_and_resumes(*writer, pipe.reads);
}

TEST_CASE("line writer: a line longer than the room left is finished later, before any other") {
  const Ends pipe = new_pipe();
  LineWriter writer(pipe.writes.get(), note);
  const std::string line = std::string(20'000, 'y') + "\n";
  while (writer.dropped() == 0) writer.write(line);
  std::string text = drained(pipe.reads);
  CHECK(text.size() % line.size() != 0);
  writer.write("next\n");
  text += drained(pipe.reads);
  const size_t end = text.find("1 missing\n");
  REQUIRE(end != std::string::npos);
  CHECK(end % line.size() == 0);
  CHECK(text.substr(end) == "1 missing\nnext\n");
}

TEST_CASE("line writer: a line too long is cut, and is still a line") {
  const Ends sockets = new_sockets();
  LineWriter writer(sockets.writes.get(), note);
  writer.write(std::string(2 * LineWriter::kLineBytesMax, 'z') + "\n");
  writer.write("next\n");
  const std::string text = drained(sockets.reads);
  CHECK(text.size() == LineWriter::kLineBytesMax + 5);
  CHECK(text.ends_with("zzz...\nnext\n"));
}

TEST_CASE("line writer: nobody at the other end, or nothing there at all") {
  Ends sockets = new_sockets();
  LineWriter writer(sockets.writes.get(), note);
  CHECK(sockets.reads.close());
  writer.write("lost\n");
  CHECK(writer.dropped() == 1);
  LineWriter none(-1, note);
  none.write("lost\n");
  none.resume();
  CHECK(none.dropped() == 1);
}

TEST_CASE("line writer: a file gets all lines, at its end") {
  char name[] = "/tmp/shoal-test-XXXXXX";
  const FileDescriptor file(mkostemp(name, O_APPEND | O_CLOEXEC));
  REQUIRE(file.is_open());
  unlink(name);
  LineWriter writer(file.get(), note);
  for (int i = 0; i < 1000; ++i) writer.write("line\n");
  CHECK(lseek(file.get(), 0, SEEK_END) == 5000);
  CHECK(writer.dropped() == 0);
}
