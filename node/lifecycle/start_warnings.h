// What is allowed, but hardly meant: for the log at start and `shoal config --check`.

#pragma once

#include <string>
#include <vector>

#include "node/config/options.h"

namespace shoal::node {

// A line for each, which begins with an option. Looks at the permissions of the files with secrets, so call
// it before privileges are dropped. `root`: the node runs as root.
std::vector<std::string> start_warnings(const Options& options, bool root);

}  // namespace shoal::node
