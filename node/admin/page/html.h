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

// The same, but never wider than `characters_max` on the screen: an ellipsis is the last of them.
std::string html_label(std::string_view text, size_t characters_max);

// One cell of a table. `kinds`: classes of the style sheet.
std::string html_cell(std::string_view html, std::string_view kinds = {});

// Replaces each {{NAME}} in the template by the value of that name, unescaped. Every NAME must have a value.
std::string filled(std::string_view html,
                   const std::vector<std::pair<std::string_view, std::string>>& values);

}  // namespace shoal::node
