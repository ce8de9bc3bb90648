// Columns for a terminal. Pure.

#pragma once

#include <string>
#include <vector>

namespace shoal::node {

using TextRow = std::vector<std::string>;

// Two spaces between columns, none at the end of a line. Every row has as many cells as the first.
std::string text_table(const std::vector<TextRow>& rows);

}  // namespace shoal::node
