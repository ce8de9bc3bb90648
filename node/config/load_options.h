// Options from the outside world: the file, this process's environment, the flags, the host name.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "node/config/options.h"
#include "node/config/resolve_options.h"

namespace shoal::node {

// `file`: the path of --config; none: SHOAL_CONFIG names the file, and if it does not there is none. The
// error holds one line per mistake. May be called again to see what changed.
common::Result<Options> load_options(const std::optional<std::string>& file, std::vector<NamedText> flags);

}  // namespace shoal::node
