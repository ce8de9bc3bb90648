// Which options a running node takes anew at SIGHUP. Pure.

#pragma once

#include "node/options.h"

namespace shoal::node {

// Of [access] what may change, over what may not.
Options::Access reloaded_access(const Options::Access& running, const Options::Access& read);

// Something else than what may change has changed.
bool needs_restart(const Options& running, const Options& read);

}  // namespace shoal::node
