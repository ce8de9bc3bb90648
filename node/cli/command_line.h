// Parses the command line `shoal COMMAND ...` (node/cli/commands.h) with CLI11. `shoal node` has a flag for
// every option.

#pragma once

namespace shoal::node {

// Runs the command that the arguments name. Returns the exit code.
int run_command_line(int argc, const char* const* argv);

}  // namespace shoal::node
