#include "node/os/start_of_process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <functional>
#include <string>

#include "tests/unit/support/thread_sanitizer.h"

using namespace shoal;

namespace {

// How a child ends that runs `body`: its exit code, or 128 and more for a signal.
int end_of_child(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

volatile std::sig_atomic_t reloads = 0;

}  // namespace

TEST_CASE("start of process: signals that come early do no harm" *
          doctest::skip(shoal::test::kThreadSanitizer)) {
  CHECK(end_of_child([] {
          node::hold_signals();
          raise(SIGHUP);
          raise(SIGHUP);
          std::signal(SIGHUP, [](int) { reloads = reloads + 1; });
          if (reloads != 0) return 1;
          node::release_reloads();
          if (reloads != 1) return 2;
          node::hold_reloads();
          std::signal(SIGHUP, SIG_DFL);
          raise(SIGHUP);
          return 3;
        }) == 3);
  for (const int number : {SIGTERM, SIGINT}) {
    CHECK(end_of_child([number] {
            node::hold_signals();
            raise(number);
            return 1;
          }) == 0);
  }
}

TEST_CASE("start of process: what cannot be written is an error, not the end") {
  CHECK(end_of_child([] {
          node::hold_signals();
          std::array<int, 2> ends{};
          if (pipe(ends.data()) != 0) return 1;
          close(ends[0]);
          if (write(ends[1], "x", 1) >= 0 || errno != EPIPE) return 2;
          const rlimit none{0, 0};
          char name[] = "/tmp/shoal-test-XXXXXX";
          const int file = mkstemp(name);
          unlink(name);
          if (setrlimit(RLIMIT_FSIZE, &none) != 0) return 3;
          return write(file, "x", 1) < 0 && errno == EFBIG ? 4 : 5;
        }) == 4);
}

TEST_CASE("start of process: descriptors that were closed lead nowhere") {
  CHECK(end_of_child([] {
          for (const int fd : {0, 1, 2}) close(fd);
          node::open_standard_descriptors();
          for (const int fd : {0, 1, 2}) {
            std::array<char, 64> target{};
            const std::string path = "/proc/self/fd/" + std::to_string(fd);
            if (readlink(path.c_str(), target.data(), target.size() - 1) < 0) return 1;
            if (std::string(target.data()) != "/dev/null") return 2;
          }
          return open("/dev/null", O_RDONLY) > 2 ? 3 : 4;
        }) == 3);
}
