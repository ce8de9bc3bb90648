// The command line: `shoal COMMAND ...` (node/cli/commands.h), by CLI11. `shoal node` has a flag for
// every option.

#pragma once

namespace shoal::node {

// Runs what the arguments say; returns the exit code.
int run_command_line(int argc, const char* const* argv);

}  // namespace shoal::node
