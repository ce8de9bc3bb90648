// Small files as a whole.

#pragma once

#include <string>
#include <string_view>

#include "common/result.h"

namespace shoal::node {

// The bytes of a file of at most `bytes_max` bytes; an error begins with the path.
common::Result<std::string> read_file(const std::string& path, size_t bytes_max);

// Writes PATH.tmp, syncs it and renames it to PATH, so that PATH is whole at every moment. On any error the
// old PATH stays. Readable by its owner only. Blocking; the error begins with the path.
common::Result<void> replace_file(const std::string& path, std::string_view text);

// All of it; false: errno says why not.
bool write_all(int fd, std::string_view text);

}  // namespace shoal::node
