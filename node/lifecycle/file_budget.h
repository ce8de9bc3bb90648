// FileBudget: how the files that a process may open are shared out. Pure.

#pragma once

#include <cstddef>

#include "common/result.h"
#include "node/config/options.h"

namespace shoal::node {

struct FileBudget {
  size_t http_connections = 0;   // of each worker
  size_t admin_connections = 0;  // of the admin endpoint
};

// `open`: files that are open before anything of the node is; `limit`: the most the process may open. What a
// node needs comes first: without it, the error names both numbers. Of the rest some are left for the admin
// endpoint, pulls and reloads, and HTTP clients get the others, up to limits.connections.
common::Result<FileBudget> file_budget(const Options& options, size_t workers, size_t open, size_t limit);

}  // namespace shoal::node
