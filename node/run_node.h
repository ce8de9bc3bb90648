// The running node.

#pragma once

#include "node/options.h"

namespace shoal::node {

// Serves until it is told to stop; returns the exit code of the process.
int run_node(const Options& options);

}  // namespace shoal::node
