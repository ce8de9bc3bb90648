// Lists of words in a sentence. Pure.

#pragma once

#include <span>
#include <string>
#include <string_view>

namespace shoal::node {

// "open, allow or deny".
std::string or_list(std::span<const std::string_view> words);

}  // namespace shoal::node
