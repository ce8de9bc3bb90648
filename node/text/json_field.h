// Fields of JSON of any shape, as text for a terminal: "-" if a field is missing or of another type. Pure;
// the text is printable ASCII.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace shoal::node {

constexpr size_t kCellBytesMax = 64;

// null if `object` is not an object or has no such field.
const nlohmann::json& field(const nlohmann::json& object, const char* key);

std::string text_of(const nlohmann::json& value, size_t bytes_max = kCellBytesMax);

// Whole numbers only.
std::string number_of(const nlohmann::json& value);

std::string yes_no_of(const nlohmann::json& value);

}  // namespace shoal::node
