// The files of the page at /, from node/admin/page/; the build embeds them.

#pragma once

#include <string_view>

namespace shoal::node {

// `name`: "page.html", "swarm.html", "page.css", "page.js" or "icon.svg"; any other gives an empty text.
std::string_view page_file(std::string_view name);

}  // namespace shoal::node
