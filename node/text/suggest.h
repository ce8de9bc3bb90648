// "did you mean": the known word closest to a mistyped one. Pure.

#pragma once

#include <span>
#include <string>
#include <string_view>

namespace shoal::node {

// The word with the least edit distance; empty when none is close.
std::string_view nearest_word(std::string_view typed, std::span<const std::string> known);

// "; did you mean WORD?", or "" when none is close.
std::string suggestion(std::string_view typed, std::span<const std::string> known);

}  // namespace shoal::node
