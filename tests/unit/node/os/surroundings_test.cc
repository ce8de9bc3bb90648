#include "node/os/surroundings.h"

#include <doctest/doctest.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "tests/unit/support/thread_sanitizer.h"

using namespace shoal;

namespace {

// The exit code of a child that runs `body`; 128 and more: a signal.
template <class Body>
int exit_code_of(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    (void)!freopen("/dev/null", "w", stderr);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

TEST_CASE("surroundings: what the system refuses ends the process with exit code 1, not as a bug") {
  CHECK(exit_code_of([] {
          node::require_system(0, "do nothing");
          return 7;
        }) == 7);
  CHECK(exit_code_of([] {
          node::require_system(-EMFILE, "make an event loop");
          return 7;
        }) == 1);
  CHECK(node::system_failure("make an event loop", EMFILE) ==
        "cannot make an event loop: Too many open files: raise the limit of open files (ulimit -n, "
        "LimitNOFILE=)");
  CHECK(node::system_failure("do it", EXDEV) == "cannot do it: Invalid cross-device link");
}

TEST_CASE("surroundings: threads are tried before they are needed" *
          doctest::skip(shoal::test::kThreadSanitizer)) {
  CHECK(node::check_threads(20, "a test"));
  // Root has no limit of threads.
  if (geteuid() != 0) return;
  CHECK(exit_code_of([] {
          constexpr uid_t kNobodyElse = 61'234;
          const rlimit few{3, 3};
          if (setrlimit(RLIMIT_NPROC, &few) != 0 || setgroups(0, nullptr) != 0 || setuid(kNobodyElse) != 0)
            return 100;
          if (!node::check_threads(2, "a test")) return 101;
          const auto none = node::check_threads(8, "a test");
          if (none) return 102;
          if (none.error().message.find("cannot start 8 threads (a test), only 2: ") != 0) return 103;
          if (none.error().message.find("the user may have 3") == std::string::npos) return 104;
          node::start_thread([] {}).join();
          return 0;
        }) == 0);
}

TEST_CASE("surroundings: open files are counted") {
  const size_t before = node::count_open_files(1024);
  CHECK(before >= 3);
  const int more = dup(STDERR_FILENO);
  CHECK(node::count_open_files(1024) == before + 1);
  close(more);
}
