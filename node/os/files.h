// Reads small files in one piece.

#pragma once

#include <string>

#include "common/result.h"

namespace shoal::node {

// The content of a file of at most `bytes_max` bytes. The error begins with the path.
common::Result<std::string> read_file(const std::string& path, size_t bytes_max);

}  // namespace shoal::node
