// Pieces of HTML and SVG. Pure.

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shoal::node {

// Foreign text as HTML text or as an attribute value in double quotes: printable ASCII without markup. "..."
// replaces what follows the first `bytes_max` bytes.
std::string html_text(std::string_view text, size_t bytes_max = 100);

// Replaces each {{NAME}} in the template by the value of that name, unescaped. Every NAME must have a value.
std::string filled(std::string_view html,
                   const std::vector<std::pair<std::string_view, std::string>>& values);

}  // namespace shoal::node
