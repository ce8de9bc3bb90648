#include "node/os/surroundings.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <future>
#include <system_error>
#include <utility>
#include <vector>

#include "common/log.h"
#include "node/os/cgroup.h"

namespace shoal::node {

namespace {

// Where the system tells no limit.
constexpr size_t kOpenFilesUnknown = 1024;

// What it takes the kernel at most to forget a thread that has ended.
constexpr int64_t kForgetMs = 1'000;

std::string limit_of_threads() {
  rlimit limit{};
  std::string text;
  if (getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    text = "; the user may have " + std::to_string(limit.rlim_cur);
  for (const auto& values : {cgroup_v2_values("", "pids.max"), cgroup_v1_values("", "pids", "pids.max")}) {
    for (const std::string& value : values) {
      if (!value.empty() && value != "max") text += "; the control group may have " + value;
    }
  }
  return text;
}

// Threads of this process; 0: unknown.
size_t own_threads() {
  struct stat info {};
  return stat("/proc/self/task", &info) == 0 && info.st_nlink > 2 ? info.st_nlink - 2 : 0;
}

}  // namespace

std::string advice(int error) {
  switch (error) {
    case EMFILE:
      return "raise the limit of open files (ulimit -n, LimitNOFILE=)";
    case ENFILE:
      return "raise the system's limit of open files (sysctl fs.file-max)";
    case EAGAIN:
      return "raise the limit of threads (ulimit -u, LimitNPROC=, TasksMax=, pids.max), or lower "
             "node.workers" +
             limit_of_threads();
    case ENOMEM:
      return "there is too little memory";
    case ENOSPC:
      return "raise the system's limit of watched files (sysctl fs.epoll.max_user_watches)";
    case EPERM:
    case EACCES:
    case ENOSYS:
      return "the system refuses the call: does a seccomp profile or a security module forbid it?";
    default:
      return "";
  }
}

std::string system_failure(const std::string& what, int error) {
  const std::string helps = advice(error);
  return "cannot " + what + ": " + std::strerror(error) + (helps.empty() ? "" : ": " + helps);
}

void end_process(const std::string& message) {
  common::log_line(common::LogLevel::error, message);
  std::_Exit(1);
}

void require_system(int result, const char* what) {
  if (result != 0) end_process(system_failure(what, -result));
}

std::thread start_thread(std::function<void()> work) {
  try {
    return std::thread(std::move(work));
  } catch (const std::system_error& error) {
    end_process(system_failure("start a thread", error.code().value()));
  }
}

common::Result<void> check_threads(size_t threads, const std::string& why) {
  const size_t before = own_threads();
  std::promise<void> end;
  const std::shared_future<void> ended = end.get_future().share();
  std::vector<std::thread> started;
  started.reserve(threads);
  int failure = 0;
  try {
    while (started.size() < threads) started.emplace_back([ended] { ended.wait(); });
  } catch (const std::system_error& error) {
    failure = error.code().value();
  }
  const size_t number = started.size();
  end.set_value();
  for (std::thread& one : started) one.join();
  // A thread counts a little longer than join() waits for it.
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(kForgetMs);
  while (own_threads() > before && std::chrono::steady_clock::now() < until) usleep(200);
  if (failure == 0) return {};
  return common::fail(system_failure(
      "start " + std::to_string(threads) + " threads (" + why + "), only " + std::to_string(number),
      failure));
}

size_t count_open_files(size_t limit) {
  size_t open = 0;
  for (size_t fd = 0; fd < limit; ++fd) open += fcntl(static_cast<int>(fd), F_GETFD) >= 0 ? 1 : 0;
  return open;
}

size_t raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kOpenFilesUnknown;
  if (limit.rlim_cur < limit.rlim_max) {
    rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return static_cast<size_t>(limit.rlim_cur);
}

}  // namespace shoal::node
