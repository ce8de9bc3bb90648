#include "node/os/thread_priority.h"

#include <sys/resource.h>

namespace shoal::node {

void lower_thread_priority() {
  constexpr int kNice = 10;
  // Linux has one nice value per thread. If it refuses, the thread works at normal priority.
  thread_local const bool yielding = setpriority(PRIO_PROCESS, 0, kNice) == 0;
  static_cast<void>(yielding);
}

}  // namespace shoal::node
