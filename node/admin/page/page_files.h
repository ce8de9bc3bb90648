// The source files of the page at /, as they lie in node/page/; embedded when the program is built.

#pragma once

#include <string_view>

namespace shoal::node {

// "page.html", "page.css", "page.js" or "icon.svg"; any other is empty.
std::string_view page_file(std::string_view name);

}  // namespace shoal::node
