// CHECK: assertions about our own code, on in every build. A failed CHECK is a bug in shoal, never bad input.

#pragma once

namespace shoal::common {

// Writes file, line and expression to the log (common/log.h) and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* expression);

}  // namespace shoal::common

#define CHECK_INVARIANT(expression) \
  ((expression) ? static_cast<void>(0) : ::shoal::common::check_failed(__FILE__, __LINE__, #expression))
