#include "common/check.h"

#include <cstdlib>
#include <string>

#include "common/log.h"

namespace shoal::common {

void check_failed(const char* file, int line, const char* expression) {
  write_log_line(std::string(file) + ":" + std::to_string(line) + ": bug in shoal: " + expression +
                 " is false");
  std::abort();
}

}  // namespace shoal::common
