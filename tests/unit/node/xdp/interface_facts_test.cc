#include "node/xdp/interface_facts.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/support/thread_sanitizer.h"

using namespace shoal;

namespace {

// In a /proc of its own that shows processes only, as systemd's ProcSubset=pid makes it.
bool is_found_where_only_processes_are_shown() {
  if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return false;
  if (mount("proc", "/proc", "proc", 0, "subset=pid") != 0) return false;
  const node::FileDescriptor proc_net = node::open_proc_net();
  return access("/proc/net", F_OK) != 0 && faccessat(proc_net.get(), "dev", F_OK, 0) == 0;
}

}  // namespace

TEST_CASE("interface facts: /proc/net is found where /proc shows processes only" *
          doctest::skip(geteuid() != 0 || test::kThreadSanitizer)) {
  const pid_t child = fork();
  if (child == 0) _exit(is_found_where_only_processes_are_shown() ? 0 : 1);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
