// The files that an options file names, looked at before a node starts: for `shoal config --check`.

#pragma once

#include <string>
#include <vector>

#include "node/config/options.h"

namespace shoal::node {

// What is wrong with them, a message each that names the option: keys, admin token, access list and state
// must be there and readable as what they are (the state and the snapshot are made by the first start), and
// the folders of those that a node writes must exist. Nothing is written. Files that a node opens behind
// node.chroot are looked for there.
std::vector<std::string> wrong_files(const Options& options);

}  // namespace shoal::node
