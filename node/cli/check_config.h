// Everything that can be found wrong with options before a node starts: for `shoal config --check` and
// `--from-opentracker`.

#pragma once

#include "node/cli/check_files.h"
#include "node/config/resolve_options.h"

namespace shoal::node {

// Errors of the options and of the files that they name, and warnings: what the log of a node would warn of
// at start, and what is missing on this machine: users, interfaces, addresses, names of sync.peers. Takes up
// to kNamesPatience for names. Options with a mistake of their own are checked with the value that they would
// have without it.
Findings check_config(const ResolvedOptions& resolved);

}  // namespace shoal::node
