#include "node/cli/terminal.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace shoal::node {

namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

}  // namespace

bool colours_output() {
  return isatty(STDOUT_FILENO) == 1 && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
}

}  // namespace shoal::node
