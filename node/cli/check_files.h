// Checks the files that an options file names, before a node starts: for `shoal config --check`.

#pragma once

#include <string>
#include <vector>

#include "node/config/options.h"

namespace shoal::node {

// What is wrong with them, one message for each that names its option. Keys, admin token, access list and
// state must be there and valid (the first start makes the state and the snapshot), and the folders of files
// that a node writes must exist. Writes nothing. Files that a node opens inside node.chroot are looked for
// there.
std::vector<std::string> wrong_files(const Options& options);

}  // namespace shoal::node
