#include "common/check.h"

#include <cstdio>
#include <cstdlib>

namespace shoal::common {

void check_failed(const char* file, int line, const char* expression) {
  std::fprintf(stderr, "%s:%d: bug in shoal: %s is false\n", file, line, expression);
  std::abort();
}

}  // namespace shoal::common
