// Reads files in one piece, and writes small ones.

#pragma once

#include <string>
#include <string_view>

#include "common/result.h"

namespace shoal::node {

// The content of a file of at most `bytes_max` bytes. The error begins with the path.
common::Result<std::string> read_file(const std::string& path, size_t bytes_max);

// The same for one that may be large: takes as much memory as the file has bytes.
common::Result<std::string> read_large_file(const std::string& path, size_t bytes_max);

// As read_file(), for a file that people write: without the byte order mark that some editors put in front. A
// file of another encoding than ASCII or UTF-8 is an error that names the encoding.
common::Result<std::string> read_text_file(const std::string& path, size_t bytes_max);

// How many bytes of byte order mark `begin`, the first bytes of a text, has; an error for UTF-16 and UTF-32.
common::Result<size_t> byte_order_mark(std::string_view begin);

// Puts a file that only the owner may read in the place of the one at `path`, all at once (AtomicFile).
common::Result<void> replace_file(const std::string& path, std::string_view text);

}  // namespace shoal::node
