// The running node.

#pragma once

#include <functional>

#include "common/result.h"
#include "node/config/options.h"

namespace shoal::node {

// Serves until it is told to stop; returns the exit code of the process. `reload` reads the options anew, for
// SIGHUP.
int run_node(const Options& options, std::function<common::Result<Options>()> reload);

}  // namespace shoal::node
