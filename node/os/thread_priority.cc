#include "node/os/thread_priority.h"

#include <sys/resource.h>

namespace shoal::node {

void lower_thread_priority() {
  constexpr int kNice = 10;
  // Linux gives each thread a nice value of its own. Where that is refused, the work is done as well without.
  thread_local const bool yielding = setpriority(PRIO_PROCESS, 0, kNice) == 0;
  static_cast<void>(yielding);
}

}  // namespace shoal::node
