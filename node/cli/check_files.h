// Checks the files that an options file names, before a node starts: for `shoal config --check`.

#pragma once

#include <string>
#include <vector>

#include "node/config/options.h"

namespace shoal::node {

// Returns one message for each error; it names the option. Keys, admin token, access list and access state
// must exist and be valid, and the folders of files that a node writes must exist. The state and the snapshot
// may be missing: the first start creates them. Writes nothing. Looks inside node.chroot for files that a
// node opens there.
std::vector<std::string> wrong_files(const Options& options);

}  // namespace shoal::node
