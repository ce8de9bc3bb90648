#include "node/net/thread_pool.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "common/check.h"
#include "node/os/file_descriptor.h"
#include "node/os/surroundings.h"

namespace shoal::node {

// As libuv reads it.
size_t thread_pool_size() {
  constexpr int kDefault = 4;
  constexpr int kMost = 1024;
  const char* text = std::getenv("UV_THREADPOOL_SIZE");
  return static_cast<size_t>(text == nullptr ? kDefault : std::clamp(std::atoi(text), 1, kMost));
}

namespace {

// libuv aborts where it cannot have one of these at its start or later.
void try_what_libuv_needs() {
  std::array<int, 2> ends{-1, -1};
  require_system(pipe2(ends.data(), O_CLOEXEC) == 0 ? 0 : -errno, "make a pipe");
  const FileDescriptor reads(ends[0]);
  const FileDescriptor writes(ends[1]);
  const FileDescriptor events(epoll_create1(EPOLL_CLOEXEC));
  require_system(events.is_open() ? 0 : -errno, "wait for events (epoll)");
  epoll_event event{};
  event.events = EPOLLIN;
  require_system(epoll_ctl(events.get(), EPOLL_CTL_ADD, reads.get(), &event) == 0 ? 0 : -errno,
                 "wait for events (epoll)");
}

}  // namespace

void start_thread_pool() {
  try_what_libuv_needs();
  uv_loop_t loop;
  require_system(uv_loop_init(&loop), "make an event loop");
  uv_work_t nothing;
  require_system(uv_queue_work(
                     &loop, &nothing, [](uv_work_t*) {}, [](uv_work_t*, int) {}),
                 "use the thread pool");
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK_INVARIANT(uv_loop_close(&loop) == 0);
}

}  // namespace shoal::node
