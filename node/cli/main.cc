#include <string_view>

#include "node/cli/command_line.h"
#include "node/lifecycle/node_log.h"
#include "node/os/start_of_process.h"

namespace {

// Before what the program makes at its start, for which there may be no memory.
[[gnu::constructor(101)]] void before_all() { shoal::node::handle_uncaught(); }

}  // namespace

int main(int argc, char** argv) {
  shoal::node::open_standard_descriptors();
  // Here rather than in the command: to read the command line takes time.
  if (argc > 1 && std::string_view(argv[1]) == "node") {
    shoal::node::hold_signals();
    shoal::node::start_node_log();
  }
  return shoal::node::run_command_line(argc, argv);
}
