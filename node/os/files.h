// Small files as a whole.

#pragma once

#include <string>

#include "common/result.h"

namespace shoal::node {

// The bytes of a file of at most `bytes_max` bytes; an error begins with the path.
common::Result<std::string> read_file(const std::string& path, size_t bytes_max);

}  // namespace shoal::node
