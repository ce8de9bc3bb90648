// Checks the files that an options file names, before a node starts: for `shoal config --check`.

#pragma once

#include <string>
#include <vector>

#include "node/config/options.h"

namespace shoal::node {

// Lines for the operator; each begins with an option.
struct Findings {
  std::vector<std::string> errors;    // a node would not start
  std::vector<std::string> warnings;  // it would start, but hardly as meant
};

// Keys, admin token, access list and access state must exist and be valid, and so must node.chroot and the
// folders of files that a node writes. The state, the snapshot and the FIFOs may be missing: the first start
// creates them. Warns of an access list that lists nothing. Writes nothing. Looks inside node.chroot for
// files that a node opens there.
Findings check_files(const Options& options);

}  // namespace shoal::node
