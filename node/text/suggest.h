// "did you mean": the known word closest to a mistyped one. Pure.

#pragma once

#include <span>
#include <string>
#include <string_view>

namespace shoal::node {

// "; did you mean WORD?" for the word with the least edit distance, or "" when none is close.
std::string suggestion(std::string_view typed, std::span<const std::string> known);

}  // namespace shoal::node
