#include "node/lifecycle/confine.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netdb.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "node/lifecycle/call_filter.h"
#include "tests/unit/support/thread_sanitizer.h"

using namespace shoal;
using node::confine;
using node::Confinement;
using node::ConfineSettings;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/shoal-test-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

// Runs `body` in a child that is confined; returns its exit code, or 128 and more for a signal.
int confined(const ConfineSettings& settings, const std::function<int(const Confinement&)>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body(confine(settings)));
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool can_write(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT, 0600);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

}  // namespace

TEST_CASE("confine: what a node gives up cannot be had again") {
  const ConfineSettings settings;
  CHECK(confined(settings, [](const Confinement& holds) {
          if (holds.calls != "yes") return 0;  // no seccomp here, or a sanitizer
          // Each number is the attempt that succeeded.
          char* const arguments[] = {nullptr};
          if (execve("/bin/true", arguments, arguments) == 0 || errno != EPERM) return 1;
          if (fork() >= 0) return 2;
          if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0) return 3;
          if (socket(AF_PACKET, SOCK_RAW, 0) >= 0 || errno != EPERM) return 4;
          if (socket(AF_NETLINK, SOCK_RAW, 9) >= 0 || errno != EPERM) return 5;  // audit
          if (unshare(CLONE_NEWUSER) == 0) return 6;
          if (mount("none", "/tmp", "tmpfs", 0, nullptr) == 0) return 7;
          if (kill(getppid(), 0) == 0) return 8;
          if (setuid(0) == 0) return 9;
          if (chroot("/") == 0) return 10;
          if (ioctl(STDIN_FILENO, TIOCSTI, "x") == 0 || errno != EPERM) return 11;
          if (syscall(SYS_bpf, 0, nullptr, 0) == 0 || errno != EPERM) return 12;
          if (syscall(SYS_process_vm_readv, getppid(), nullptr, 0, nullptr, 0, 0) == 0 || errno != EPERM)
            return 13;
          if (syscall(SYS_keyctl, 0, 0, 0, 0, 0) >= 0 || errno != EPERM) return 14;
          // Newer calls look as if the kernel did not have them.
          if (syscall(SYS_io_uring_setup, 1, nullptr) >= 0 || errno != ENOSYS) return 15;
          if (syscall(SYS_clone3, nullptr, 0) >= 0 || errno != ENOSYS) return 16;
          if (syscall(SYS_ptrace | 0x40000000L, 0, 0, 0, 0) == 0) return 17;
          return 0;
        }) == 0);
}

TEST_CASE("confine: a node with a shield reads and changes its maps, and makes nothing of BPF") {
  CHECK(confined({.shield = true, .written_folders = {}}, [](const Confinement& holds) {
          if (holds.calls != "yes") return 0;  // no seccomp here, or a sanitizer
          // The filter lets these through to the kernel, which finds no such map: an error of another kind.
          bpf_attr about{};
          about.map_fd = ~0U;
          for (const int command :
               {BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM, BPF_OBJ_GET_INFO_BY_FD}) {
            if (syscall(SYS_bpf, command, &about, sizeof about) == 0) return 1;
            if (errno == EPERM) return 2;
          }
          for (const int command : {BPF_MAP_CREATE, BPF_PROG_LOAD, BPF_OBJ_PIN, BPF_OBJ_GET, BPF_PROG_ATTACH,
                                    BPF_LINK_CREATE, BPF_PROG_TEST_RUN, BPF_MAP_GET_FD_BY_ID}) {
            if (syscall(SYS_bpf, command, &about, sizeof about) == 0 || errno != EPERM) return 3;
          }
          return 0;
        }) == 0);
}

TEST_CASE("confine: what a node needs still works" * doctest::skip(shoal::test::kThreadSanitizer)) {
  const Folder folder;
  CHECK(confined({.written_folders = {folder.path}}, [&](const Confinement& /*holds*/) {
          bool ran = false;
          std::thread([&] { ran = true; }).join();
          if (!ran) return 1;
          for (const int family : {AF_INET, AF_INET6, AF_UNIX}) {
            if (socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0 && errno != EAFNOSUPPORT) return 2;
          }
          addrinfo* found = nullptr;
          if (getaddrinfo("localhost", "80", nullptr, &found) != 0) return 3;
          freeaddrinfo(found);
          if (!can_write(folder.path + "/file")) return 4;
          if (rename((folder.path + "/file").c_str(), (folder.path + "/other").c_str()) != 0) return 5;
          if (unlink((folder.path + "/other").c_str()) != 0) return 6;
          if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0) return 7;
          struct stat info {};
          if (stat("/etc", &info) != 0) return 8;
          return 0;
        }) == 0);
}

TEST_CASE("confine: files are written only in the folders named") {
  const Folder allowed;
  const Folder other;
  CHECK(confined({.filter_calls = false, .written_folders = {allowed.path, "/none"}},
                 [&](const Confinement& holds) {
                   if (holds.files != "yes") {
                     return node::may_write_into(other.path) ? 0 : 1;  // no Landlock here
                   }
                   if (!can_write(allowed.path + "/file")) return 2;
                   if (can_write(other.path + "/file") || errno != EACCES) return 3;
                   if (mkdir((allowed.path + "/folder").c_str(), 0700) == 0) return 4;
                   if (symlink("/etc/passwd", (allowed.path + "/link").c_str()) == 0) return 5;
                   if (!node::may_write_into(allowed.path) || node::may_write_into(other.path)) return 6;
                   if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0) return 7;
                   char* const arguments[] = {nullptr};
                   if (execve("/bin/true", arguments, arguments) == 0) return 8;
                   return 0;
                 }) == 0);
}

TEST_CASE("confine: rights, and whether they are told truly" * doctest::skip(shoal::test::kThreadSanitizer)) {
  CHECK(confined({.filter_calls = false, .guard_files = false, .written_folders = {}},
                 [](const Confinement& holds) {
                   if (holds.calls != "no: turned off" || holds.files != "no: turned off") return 1;
                   if (holds.no_new_rights != "yes" || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 2;
                   if (holds.capabilities != "yes") return 3;
                   if (geteuid() != 0) return 0;
                   if (prctl(PR_CAPBSET_READ, 0, 0, 0, 0) != 0 || prctl(PR_CAPBSET_READ, 21, 0, 0, 0) != 0)
                     return 4;
                   if (setuid(1) == 0) return 5;
                   if (mount("none", "/tmp", "tmpfs", 0, nullptr) == 0) return 6;
                   return 0;
                 }) == 0);
}

TEST_CASE("confine: the list of calls is a program that the kernel takes") {
  for (const bool shield : {false, true}) {
    const auto rules = node::call_filter(shield);
    CHECK(rules.size() < 1000);
#if defined(__x86_64__) || defined(__aarch64__)
    CHECK(rules.size() > 200);
#endif
  }
}
