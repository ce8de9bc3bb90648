// Pieces of HTML and SVG. Pure.

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shoal::node {

// Foreign text as the text of an element or the value of an attribute in double quotes: printable ASCII,
// nothing that is markup, and "..." instead of what follows the first `bytes_max` bytes.
std::string html_text(std::string_view text, size_t bytes_max = 100);

// Replaces {{NAME}} by the value of that name, each as it stands. Every name of the template has a value.
std::string filled(std::string_view html,
                   const std::vector<std::pair<std::string_view, std::string>>& values);

}  // namespace shoal::node
