#include "node/os/background.h"

#include <sys/resource.h>

namespace shoal::node {

void yield_to_servers() {
  constexpr int kNice = 10;
  // Linux gives each thread a nice value of its own. Where that is refused, the work is done as well without.
  thread_local const bool yielding = setpriority(PRIO_PROCESS, 0, kNice) == 0;
  static_cast<void>(yielding);
}

}  // namespace shoal::node
