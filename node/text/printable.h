// Foreign text on an operator's terminal: names from other nodes, bytes from files, answers of servers.

#pragma once

#include <string>
#include <string_view>

namespace shoal::node {

// `text` with everything but printable ASCII written as \xNN, so that no escape sequence reaches a terminal,
// and with "..." instead of what follows the first `bytes_max` bytes.
std::string printable(std::string_view text, size_t bytes_max = 200);

}  // namespace shoal::node
