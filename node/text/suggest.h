// "did you mean": the nearest known word to a mistyped one.

#pragma once

#include <span>
#include <string>
#include <string_view>

namespace shoal::node {

// "; did you mean WORD?" for the word of the least edit distance, or "" when none is near.
std::string suggestion(std::string_view typed, std::span<const std::string> known);

}  // namespace shoal::node
