// Reads small files in one piece.

#pragma once

#include <string>
#include <string_view>

#include "common/result.h"

namespace shoal::node {

// The content of a file of at most `bytes_max` bytes. The error begins with the path.
common::Result<std::string> read_file(const std::string& path, size_t bytes_max);

// Puts a file that only the owner may read in the place of the one at `path`, all at once (AtomicFile).
common::Result<void> replace_file(const std::string& path, std::string_view text);

}  // namespace shoal::node
