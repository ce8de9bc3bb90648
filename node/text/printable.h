// Makes foreign text safe to print: names from other nodes, bytes from files, answers of servers. Pure.

#pragma once

#include <string>
#include <string_view>

namespace shoal::node {

// `text` with all but printable ASCII written as \xNN, so that no escape sequence reaches a terminal. "..."
// replaces what follows the first `bytes_max` bytes.
std::string printable(std::string_view text, size_t bytes_max = 200);

}  // namespace shoal::node
