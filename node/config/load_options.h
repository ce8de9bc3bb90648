// Reads options from the outside world: file, environment of this process, flags, host name.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "node/config/options.h"
#include "node/config/resolve_options.h"

namespace shoal::node {

// `file`: the path of --config; none: the path in SHOAL_CONFIG, if that is set.
ResolvedOptions load_all(const std::optional<std::string>& file, std::vector<NamedText> flags);

// The error has one line per mistake. May be called again, for a reload.
common::Result<Options> load_options(const std::optional<std::string>& file, std::vector<NamedText> flags);

}  // namespace shoal::node
